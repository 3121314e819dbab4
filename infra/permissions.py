"""What a role may do: statements by what they are about, each as narrow as IAM can say it.

Actions and their resources: Service Authorization Reference, for DynamoDB, S3 and SQS. Tests compare every role with
the calls that were really made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_iam import PolicyStatement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.named_data import NamedData


@dataclass(frozen=True)
class Needs:
    """What somebody does: actions on the table's items, queries of indexes, objects by prefix, queues by name."""

    items: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    lists: bool = False  # of objects; also to be told 404 of one that is missing, and not 403
    sends: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()


def statements(needs: Needs, data: NamedData) -> Iterator[PolicyStatement]:
    """What allows just that."""
    if needs.items:
        yield _allow([f"dynamodb:{action}" for action in needs.items], [data.table_arn])
    if needs.indexes:
        yield _allow(["dynamodb:Query"], [data.index_arn(index) for index in needs.indexes])
    for action, prefixes in (
        ("s3:GetObject", needs.reads),
        ("s3:PutObject", needs.writes),
        ("s3:DeleteObject", needs.deletes),
    ):
        if prefixes:
            yield _allow([action], [data.objects_arn(prefix) for prefix in prefixes])
    if needs.lists:
        yield _allow(["s3:ListBucket"], [data.bucket_arn])
    for actions, queues in (
        (["sqs:SendMessage"], needs.sends),
        (["sqs:GetQueueAttributes"], needs.measures),
        (["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"], needs.consumes),
    ):
        if queues:
            yield _allow(actions, [data.queue_arn(queue) for queue in queues])


def _allow(actions: list[str], resources: list[str]) -> PolicyStatement:
    return PolicyStatement(actions=actions, resources=resources)
