"""The queues: two lanes for each pool, and those that all pools share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs

from shared.resources import COMMON_QUEUES, Queue, pool_queues

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration


def all_queues(scope: Construct, configuration: Configuration) -> dict[str, sqs.Queue]:
    """Every queue, by its name in `shared.resources`; in AWS the stage stands before that name."""
    made: dict[str, sqs.Queue] = {}
    for queue in [*COMMON_QUEUES, *(queue for pool in configuration.pool_names for queue in pool_queues(pool))]:
        made[queue.name] = sqs.Queue(
            scope,
            queue.name,
            queue_name=configuration.name(queue.name),
            visibility_timeout=Duration.seconds(queue.visibility),
            retention_period=Duration.seconds(queue.retention),
            dead_letter_queue=_dead_letter(queue, made),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
    return made


def _dead_letter(queue: Queue, made: dict[str, sqs.Queue]) -> sqs.DeadLetterQueue | None:
    if queue.dead_letter is None:
        return None
    # A queue named as dead letter comes before its namer.
    return sqs.DeadLetterQueue(queue=made[queue.dead_letter], max_receive_count=queue.max_receives)
