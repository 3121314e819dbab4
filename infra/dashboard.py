"""The dashboard: from top to bottom what a person asks when something seems slow, and then why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk.aws_cloudwatch import (
    AlarmStatusWidget,
    Color,
    Dashboard,
    GraphWidget,
    HorizontalAnnotation,
    IWidget,
    LegendPosition,
    Metric,
    SingleValueWidget,
    TextWidget,
    YAxisProps,
)

from infra.alarms import ENDS, named
from infra.metrics import Metrics
from shared.pools import Lane
from shared.resources import BATCHES_QUEUE, UPLOADS_QUEUE, lane_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk.aws_cloudwatch import IAlarm
    from constructs import Construct

    from infra.configuration import Configuration
    from infra.functions import FunctionPlan
    from infra.settings.pools import PoolSettings

WHOLE, HALF, THIRD = 24, 12, 8
HEIGHT = 6
MOST_ALARMS = 100  # of a widget: CloudWatch API Reference, "Dashboard body structure and syntax"
RED = Color.RED


def dashboard(
    scope: Construct, configuration: Configuration, functions: tuple[FunctionPlan, ...], alarms: Sequence[IAlarm]
) -> Dashboard:
    """One for the deployment: alarms; each pool's alarms, jobs, lanes and seats; the API; functions and table."""
    metrics = Metrics(configuration)
    return Dashboard(
        scope,
        "Dashboard",
        dashboard_name=configuration.name("service"),
        default_interval=None,
        widgets=[
            *_alarms("Alarms", alarms),
            *(row for pool in configuration.pools for row in _pool(pool, metrics, named(scope, configuration, pool))),
            [_heading("The API")],
            _api(metrics),
            [_heading("Behind it")],
            _behind(functions, metrics),
        ],
    )


def _alarms(title: str, alarms: Sequence[IAlarm]) -> list[list[IWidget]]:
    shown = [alarms[first : first + MOST_ALARMS] for first in range(0, len(alarms), MOST_ALARMS)]
    return [[AlarmStatusWidget(title=title, alarms=list(some), width=WHOLE, height=4)] for some in shown]


def _pool(pool: PoolSettings, metrics: Metrics, alarms: Sequence[IAlarm]) -> list[list[IWidget]]:
    name = pool.name
    ends = {"ended_succeeded": "scored", "ended_failed_bad_input": "bad input", "ended_failed_service": "given up"}
    queues = {lane: lane_queue(name, lane) for lane in Lane}
    return [
        [_heading(f"Pool {name}: {pool.engine}")],
        *_alarms("Alarms of its hosts", alarms),
        [
            _graph("Jobs a minute", [metrics.pool(name, end, label=label) for end, label in ends.items()]),
            _graph(
                "Waiting messages",
                [metrics.queue(queue, "ApproximateNumberOfMessagesVisible") for queue in queues.values()],
            ),
            _graph(
                "Oldest message, seconds",
                [metrics.queue(queue, "ApproximateAgeOfOldestMessage") for queue in queues.values()],
            ),
        ],
        [
            _graph("Seat use, per cent", _by_host(metrics, pool, "seat_use"), top=100),
            _graph("Seats that are fit to score", _by_host(metrics, pool, "seats_up")),
            _graph(
                "Modes held: no licence, or set up wrongly", _by_host(metrics, pool, "modes_held", "Maximum"), limit=1
            ),
        ],
        [
            _graph(
                "A job's time, seconds",
                [
                    metrics.pool(name, "queue_wait_p95", "Maximum", "in the queue, p95"),
                    metrics.pool(name, "score_p50", "Average", "on a seat, p50"),
                    metrics.pool(name, "score_p95", "Maximum", "on a seat, p95"),
                ],
            ),
            _graph(
                "Attempts that failed, came again, were overtaken",
                [
                    metrics.pool(name, "attempts_failed", label="failed"),
                    metrics.pool(name, "ended_retried", label="came again"),
                    metrics.pool(name, "ended_overtaken", label="overtaken"),
                ],
            ),
            _graph("Free disk, bytes", _by_host(metrics, pool, "free_disk_bytes", "Minimum")),
        ],
    ]


def _by_host(metrics: Metrics, pool: PoolSettings, metric: str, statistic: str = "Average") -> list[Metric]:
    return [metrics.worker(pool.name, host.name, metric, statistic) for host in pool.hosts]


def _api(metrics: Metrics) -> list[IWidget]:
    return [
        _graph("Requests", [metrics.api("Count", label="requests")]),
        _graph(
            "Refused and failed",
            [metrics.api("4XXError", label="refused"), metrics.api("5XXError", label="failed")],
        ),
        _graph(
            "Time, milliseconds",
            [metrics.api("Latency", statistic, label=statistic) for statistic in ("p50", "p95", "p99")],
        ),
    ]


def _behind(functions: Sequence[FunctionPlan], metrics: Metrics) -> list[IWidget]:
    names = [function.name for function in functions]
    return [
        _graph("Functions that failed", [metrics.function(name, "Errors") for name in names]),
        _graph("Functions' time, milliseconds, p95", [metrics.function(name, "Duration", "p95") for name in names]),
        _graph(
            "The stream's reader is behind, milliseconds", [metrics.function("stream-reader", "IteratorAge", "Maximum")]
        ),
        _graph(
            "Uploads and batches that wait, seconds",
            [metrics.queue(queue, "ApproximateAgeOfOldestMessage") for queue in (UPLOADS_QUEUE, BATCHES_QUEUE)],
        ),
        _graph(
            "The table, units",
            [metrics.table("ConsumedReadCapacityUnits"), metrics.table("ConsumedWriteCapacityUnits")],
        ),
        SingleValueWidget(
            title="Dead, malformed, given up: should be 0",
            metrics=[metrics.queue(queue, "ApproximateNumberOfMessagesVisible") for queue in ENDS],
            width=THIRD,
            height=HEIGHT,
        ),
    ]


def _heading(text: str) -> TextWidget:
    return TextWidget(markdown=f"## {text}", width=WHOLE, height=1)


def _graph(title: str, metrics: list[Metric], top: float | None = None, limit: float | None = None) -> GraphWidget:
    return GraphWidget(
        title=title,
        left=list(metrics),
        left_y_axis=YAxisProps(min=0, max=top, show_units=False),
        left_annotations=[HorizontalAnnotation(value=limit, color=RED)] if limit else None,
        legend_position=LegendPosition.BOTTOM,
        width=THIRD,
        height=HEIGHT,
    )
