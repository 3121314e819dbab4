"""What calls the functions beside the API: queues, the table's stream, and the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk.aws_events import Rule, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from aws_cdk.aws_lambda import FilterCriteria, StartingPosition
from aws_cdk.aws_lambda_destinations import SqsDestination
from aws_cdk.aws_lambda_event_sources import DynamoEventSource, SqsDlq, SqsEventSource
from aws_cdk.aws_sqs import Queue, QueueEncryption

from shared.resources import BATCHES_QUEUE, DAY, DEAD_QUEUE, RECONCILE_SECONDS, STREAM_FILTERS, UPLOADS_QUEUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk.aws_dynamodb import ITable
    from aws_cdk.aws_lambda import Function
    from constructs import Construct

    from infra.configuration import Configuration
    from infra.named_data import NamedData

# By function: its queue, how many messages it is given at once, and how many of it may run at once. So a burst of
# uploads leaves the account's other functions, the API above all, room to run.
FED_BY_QUEUES = {
    "intake": (UPLOADS_QUEUE, 10, 50),
    "batch-starter": (BATCHES_QUEUE, 1, 10),  # a message is a page of a batch: minutes of work
    "dead-letters": (DEAD_QUEUE, 10, 2),
}
STREAM_RETRIES = 100  # some of it would pass within minutes; the rest is looked at by a person, and swept up by the net
FAILED = "failed-events"  # the queue of what functions were called with, and failed on for good


def failed_events(scope: Construct, configuration: Configuration) -> Queue:
    """The queue that keeps what a function failed on for good, where no queue of its own does."""
    return Queue(
        scope,
        "FailedEvents",
        queue_name=configuration.name(FAILED),
        retention_period=Duration.seconds(14 * DAY),  # the longest that SQS keeps
        encryption=QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
    )


def from_queues(functions: Mapping[str, Function], data: NamedData) -> None:
    """Have the queues call their functions, which say what of a batch they failed on."""
    for name, (queue, batch, at_once) in FED_BY_QUEUES.items():
        source = SqsEventSource(
            data.queue(queue), batch_size=batch, max_concurrency=at_once, report_batch_item_failures=True
        )
        functions[name].add_event_source(source)


def from_stream(reader: Function, table: ITable, failed: Queue) -> None:
    """Have the table's stream call its reader with what it is to know of, in order by item."""
    source = DynamoEventSource(
        table,
        starting_position=StartingPosition.TRIM_HORIZON,
        batch_size=100,
        parallelization_factor=4,
        filters=[FilterCriteria.filter(dict(rule)) for rule in STREAM_FILTERS],
        bisect_batch_on_error=True,
        report_batch_item_failures=True,
        retry_attempts=STREAM_RETRIES,
        on_failure=SqsDlq(failed),
    )
    reader.add_event_source(source)


def each_minute(scope: Construct, reconciler: Function, failed: Queue) -> Rule:
    """Have the clock call the reconciler. One that fails is not called again: the next minute comes anyway."""
    reconciler.configure_async_invoke(
        retry_attempts=0, max_event_age=Duration.seconds(RECONCILE_SECONDS), on_failure=SqsDestination(failed)
    )
    target = LambdaFunction(
        reconciler, retry_attempts=0, max_event_age=Duration.seconds(RECONCILE_SECONDS), dead_letter_queue=failed
    )
    return Rule(scope, "EachMinute", schedule=Schedule.rate(Duration.seconds(RECONCILE_SECONDS)), targets=[target])
