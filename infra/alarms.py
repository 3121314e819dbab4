"""The alarms: each tells what is wrong in words, and where to read what to do. docs/deploy.md has them one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from aws_cdk.aws_cloudwatch import Alarm, ComparisonOperator, TreatMissingData
from aws_cdk.aws_cloudwatch_actions import SnsAction
from constructs import Construct

from infra.event_sources import FAILED
from infra.metrics import FIVE_MINUTES, MINUTE, Metrics
from shared.pools import Lane
from shared.resources import (
    BATCHES_DEAD_QUEUE,
    BATCHES_QUEUE,
    DEAD_QUEUE,
    MALFORMED_QUEUE,
    UPLOADS_DEAD_QUEUE,
    UPLOADS_QUEUE,
    lane_queue,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk.aws_cloudwatch import IAlarm, IMetric
    from aws_cdk.aws_sns import ITopic

    from infra.configuration import Configuration
    from infra.functions import FunctionPlan
    from infra.settings.hosts import HostSettings
    from infra.settings.pools import PoolSettings

MINUTE_SECONDS = 60
ENDS = (DEAD_QUEUE, MALFORMED_QUEUE, UPLOADS_DEAD_QUEUE, BATCHES_DEAD_QUEUE, FAILED)

ABOVE = ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = ComparisonOperator.LESS_THAN_THRESHOLD
WELL, WRONG = TreatMissingData.NOT_BREACHING, TreatMissingData.BREACHING


@dataclass(frozen=True)
class AlarmPlan:
    """Alarms where the metric passes the limit in so many of the last periods; `missing` says what no data means."""

    name: str
    means: str
    metric: IMetric
    limit: float
    periods: int = 1
    of: int | None = None
    passes: ComparisonOperator = ABOVE
    missing: TreatMissingData = WELL


class Alarms(Construct):
    """Alarms that go to a topic, and say there when all is well again."""

    def __init__(
        self, scope: Construct, configuration: Configuration, plans: Iterator[AlarmPlan], topic: ITopic
    ) -> None:
        super().__init__(scope, "AlarmsOf")
        action = SnsAction(topic)
        self.all = []
        for plan in plans:
            alarm = Alarm(
                self,
                plan.name,
                alarm_name=configuration.name(plan.name),
                alarm_description=f"{plan.means} What to do: docs/deploy.md, “Alarms”.",
                metric=plan.metric,
                threshold=plan.limit,
                comparison_operator=plan.passes,
                datapoints_to_alarm=plan.periods,
                evaluation_periods=plan.of or plan.periods,
                treat_missing_data=plan.missing,
            )
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)
            self.all.append(alarm)


def of_service(configuration: Configuration, functions: tuple[FunctionPlan, ...]) -> Iterator[AlarmPlan]:
    """Those of queues, API, functions and table."""
    metrics = Metrics(configuration)
    yield from _of_queues(configuration, metrics)
    yield AlarmPlan("api-5xx", "The API answers with errors of its own.", metrics.api("5XXError"), 4, 2, 3)
    for function in functions:
        name = function.name
        yield AlarmPlan(f"{name}-errors", f"The function {name} fails.", metrics.function(name, "Errors"), 0, 2, 3)
        yield AlarmPlan(
            f"{name}-throttles",
            f"The function {name} may not run as often as it is called: the account's limit, or its own.",
            metrics.function(name, "Throttles"),
            0,
            3,
        )
    yield AlarmPlan(
        "reconciler-silent",
        "The reconciler does not run: what is lost stays lost, and deadlines pass.",
        metrics.function("reconciler", "Invocations"),
        1,
        2,
        passes=BELOW,
        missing=WRONG,
    )
    yield AlarmPlan(
        "stream-lag",
        "The stream's reader is behind: jobs that ended count as in flight, and what they leave is not cleared.",
        metrics.function("stream-reader", "IteratorAge", "Maximum"),
        10 * MINUTE_SECONDS * 1000,
        2,
    )
    for kind in ("Read", "Write"):
        yield AlarmPlan(
            f"table-{kind.lower()}-throttles",
            f"The table cannot {kind.lower()} as fast as it is asked to; calls are repeated.",
            metrics.throttles(kind),
            0,
            3,
        )


def _of_queues(configuration: Configuration, metrics: Metrics) -> Iterator[AlarmPlan]:
    for pool in configuration.pool_names:
        waits = {Lane.INTERACTIVE: configuration.alarms.interactive_wait, Lane.BULK: configuration.alarms.bulk_wait}
        for lane, minutes in waits.items():
            means = f"Jobs of the pool {pool} wait in the lane {lane} for more than {minutes} minutes."
            yield _oldest(metrics, lane_queue(pool, lane), means, minutes)
    yield _oldest(metrics, UPLOADS_QUEUE, "Uploads are not noticed: jobs do not start by themselves.", 10)
    yield _oldest(metrics, BATCHES_QUEUE, "Batches that were started do not go on.", 60)
    for queue in ENDS:
        visible = metrics.queue(queue, "ApproximateNumberOfMessagesVisible")
        yield AlarmPlan(f"{queue}-messages", f"There are messages in {queue}: look at them.", visible, 0, 3)


def _oldest(metrics: Metrics, queue: str, means: str, minutes: int) -> AlarmPlan:
    age = metrics.queue(queue, "ApproximateAgeOfOldestMessage")
    return AlarmPlan(f"{queue}-wait", means, age, minutes * MINUTE_SECONDS, 2)


def of_host(
    configuration: Configuration, pool: PoolSettings, host: HostSettings, instance_id: str
) -> Iterator[AlarmPlan]:
    """Those of a licensed machine and its worker."""
    metrics, name = Metrics(configuration), host.name
    yield AlarmPlan(
        f"{name}-silent",
        f"Nothing is heard of the worker on {name}: it, its machine or its network is down.",
        metrics.worker(pool.name, name, "seats"),
        1,
        5,
        passes=BELOW,
        missing=WRONG,
    )
    yield AlarmPlan(
        f"{name}-licence",
        f"On {name} the engine refuses its licence, or is set up wrongly, in one mode or more: those jobs wait.",
        metrics.worker(pool.name, name, "modes_held", "Maximum"),
        0,
        5,
    )
    yield AlarmPlan(
        f"{name}-seats",
        f"Not all of the seats of {name} are fit to score.",
        metrics.worker(pool.name, name, "seats_up", "Maximum"),
        host.seats,
        15,
        passes=BELOW,
    )
    if host.is_instance:
        yield AlarmPlan(
            f"{name}-status",
            f"EC2 finds the instance {name} or its machine impaired.",
            Metrics.instance(instance_id, "StatusCheckFailed", "Maximum", MINUTE),
            0,
            3,
            5,
        )
        yield AlarmPlan(
            f"{name}-credits",
            f"{name} is of a burstable type and nearly out of CPU credits: scoring will slow down, or cost more.",
            Metrics.instance(instance_id, "CPUCreditBalance", "Minimum", FIVE_MINUTES),
            30,
            2,
            passes=BELOW,
        )


def named(scope: Construct, configuration: Configuration, pool: PoolSettings) -> list[IAlarm]:
    """Those of a pool's hosts, as another stack knows them: by their names."""
    plans = (plan for host in pool.hosts for plan in of_host(configuration, pool, host, str(host.instance_id)))
    return [Alarm.from_alarm_arn(scope, plan.name, _arn(scope, configuration.name(plan.name))) for plan in plans]


def _arn(scope: Construct, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="cloudwatch", resource="alarm", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
