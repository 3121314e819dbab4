"""The metrics that alarms and dashboard look at, by what they are about.

Names: SQS Developer Guide, "Available CloudWatch metrics"; Lambda Developer Guide, "Types of metrics"; API Gateway
Developer Guide, "Amazon API Gateway dimensions and metrics"; DynamoDB Developer Guide, "DynamoDB Metrics";
EC2 User Guide, "List the available CloudWatch metrics"; of workers: docs/operate.md, "Each minute".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import MathExpression, Metric

from shared.resources import JOBS_TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.configuration import Configuration

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)


class Metrics:
    """Those of one deployment, found by its names."""

    def __init__(self, configuration: Configuration) -> None:
        self._name = configuration.name
        self._table = configuration.table
        self._workers = configuration.metrics_namespace

    def queue(self, queue: str, metric: str, statistic: str = "Maximum") -> Metric:
        """Of a queue, by its name in `shared.resources`."""
        return _metric("AWS/SQS", metric, {"QueueName": self._name(queue)}, statistic, label=queue)

    def function(self, function: str, metric: str, statistic: str = "Sum") -> Metric:
        """Of a function, by its name in `infra.functions`."""
        return _metric("AWS/Lambda", metric, {"FunctionName": self._name(function)}, statistic, label=function)

    def api(self, metric: str, statistic: str = "Sum", label: str | None = None) -> Metric:
        """Of the API."""
        return _metric("AWS/ApiGateway", metric, {"ApiName": self._name("api")}, statistic, label=label or metric)

    def table(self, metric: str, index: str | None = None) -> Metric:
        """Of the table without its indexes, or of one of these."""
        of_index = {"GlobalSecondaryIndexName": index} if index else {}
        return _metric("AWS/DynamoDB", metric, {"TableName": self._table, **of_index}, "Sum", label=index or metric)

    def throttles(self, kind: str) -> MathExpression:
        """How often a `Read` or a `Write` was refused, by the table or an index.

        DynamoDB tells of it only while it happens, and CloudWatch leaves an alarm on DynamoDB as it is while nothing is
        told (CloudWatch API Reference, PutMetricAlarm: TreatMissingData). So silence counts as 0.
        """
        metric = f"{kind}ThrottleEvents"
        told = {"table": self.table(metric)} | {one.name: self.table(metric, one.name) for one in JOBS_TABLE.indexes}
        return MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in told),
            using_metrics=told,
            label=metric,
            period=FIVE_MINUTES,
        )

    def worker(self, pool: str, host: str, metric: str, statistic: str = "Average") -> Metric:
        """Of a host's worker, as it tells each minute."""
        return _metric(self._workers, metric, {"pool": pool, "host": host}, statistic, MINUTE, label=host)

    def pool(self, pool: str, metric: str, statistic: str = "Sum", label: str | None = None) -> Metric:
        """Of all workers of a pool."""
        return _metric(self._workers, metric, {"pool": pool}, statistic, MINUTE, label=label or metric)

    @staticmethod
    def instance(instance_id: str, metric: str, statistic: str, period: Duration) -> Metric:
        """Of a machine in EC2, which tells of its state each minute, of its CPU credits each five minutes only."""
        return _metric("AWS/EC2", metric, {"InstanceId": instance_id}, statistic, period, label=metric)


def _metric(
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    statistic: str,
    period: Duration = FIVE_MINUTES,
    *,
    label: str,
) -> Metric:
    return Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        period=period,
        label=label,
    )
