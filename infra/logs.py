"""Log groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import CfnLogGroup, LogGroup

if TYPE_CHECKING:
    from constructs import Construct


def log_group(scope: Construct, id_: str, name: str, days: int) -> LogGroup:
    """A log group that keeps what is written for so many days, and goes with its stack."""
    group = LogGroup(scope, id_, log_group_name=name, removal_policy=RemovalPolicy.DESTROY)
    plain = group.node.default_child
    if not isinstance(plain, CfnLogGroup):
        raise TypeError(f"a log group is made of {plain!r}")
    plain.retention_in_days = days  # CDK's own way names each number of days by a word
    return group
