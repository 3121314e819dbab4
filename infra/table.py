"""The jobs table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk.aws_dynamodb import (
    Attribute,
    AttributeType,
    BillingMode,
    PointInTimeRecoverySpecification,
    ProjectionType,
    StreamViewType,
    Table,
)

from shared.resources import JOBS_TABLE, Index

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration


def jobs_table(scope: Construct, configuration: Configuration) -> Table:
    """The table of `shared.resources`, on demand, recoverable to any second of the last 35 days, protected."""
    table = Table(
        scope,
        "Jobs",
        table_name=configuration.table,
        partition_key=_key(JOBS_TABLE.partition_key),
        sort_key=_key(JOBS_TABLE.sort_key),
        billing_mode=BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute=JOBS_TABLE.ttl_attribute,
        stream=StreamViewType.NEW_AND_OLD_IMAGES,
        point_in_time_recovery_specification=PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
        deletion_protection=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    for index in JOBS_TABLE.indexes:
        _add(table, index)
    return table


def _add(table: Table, index: Index) -> None:
    table.add_global_secondary_index(
        index_name=index.name,
        partition_key=_key(index.partition_key),
        sort_key=_key(index.sort_key, number=index.sort_is_number),
        projection_type=ProjectionType.INCLUDE if index.attributes else ProjectionType.KEYS_ONLY,
        non_key_attributes=list(index.attributes) or None,
    )


def _key(name: str, *, number: bool = False) -> Attribute:
    return Attribute(name=name, type=AttributeType.NUMBER if number else AttributeType.STRING)
