"""The metrics: which fields of a minute's line CloudWatch keeps as metrics, and how the line says so.

The line is a document in the embedded metric format: CloudWatch Logs makes metrics of it as it arrives, without one
call or permission more; anywhere else it is a log line like any. Each metric is paid for, by host and again by pool:
what nobody would draw or alarm on stays a field of the line.

Format and limits: Amazon CloudWatch User Guide, "Specification: Embedded metric format" (at most 100 metrics, each a
number at the root of the line; dimensions are strings there) and "Using the PutLogEvents API to send manually-created
embedded metric format logs" (no header is needed). Units: CloudWatch API Reference, MetricDatum.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

NAMESPACE = "Mosaic"  # where the settings name no other
DIMENSIONS: list[JsonValue] = [["pool", "host"], ["pool"]]
UNITS: Mapping[str, str] = {
    "seats": "Count",
    "seats_up": "Count",
    "seat_use": "Percent",
    "receive_calls": "Count",
    "received_interactive": "Count",
    "received_bulk": "Count",
    "claimed_not_begun": "Count",
    "queue_wait_p50": "Seconds",
    "queue_wait_p95": "Seconds",
    "score_p50": "Seconds",
    "score_p95": "Seconds",
    "ended_succeeded": "Count",
    "ended_no_signal": "Count",
    "ended_failed_bad_input": "Count",
    "ended_failed_service": "Count",
    "ended_retried": "Count",
    "ended_put_back": "Count",
    "ended_overtaken": "Count",
    "attempts_failed": "Count",
    "modes_held": "Count",
    "free_disk_bytes": "Bytes",
    "reference_cache_hits": "Count",
    "reference_cache_misses": "Count",
    "logs_dropped": "Count",
}


@dataclass(frozen=True)
class Source:
    """Whose metrics they are, and CloudWatch's namespace of them."""

    pool: str
    host: str
    namespace: str = NAMESPACE


def with_metrics(source: Source, line: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The line, whose it is, and what tells CloudWatch which of its fields are metrics."""
    metrics: list[JsonValue] = [{"Name": name, "Unit": unit} for name, unit in UNITS.items() if name in line]
    directive: JsonValue = {"Namespace": source.namespace, "Dimensions": DIMENSIONS, "Metrics": metrics}
    told: JsonValue = {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": told, "pool": source.pool, "host": source.host, **line}


def statistics(series: Mapping[str, Sequence[float]]) -> dict[str, JsonValue]:
    """Mean, median, 95th percentile and maximum of each series; nothing is said of one without values."""
    fields: dict[str, JsonValue] = {}
    for name, values in series.items():
        if ordered := sorted(values):
            fields[f"{name}_mean"] = round(math.fsum(ordered) / len(ordered), 3)
            fields[f"{name}_p50"] = round(percentile(ordered, 50), 3)
            fields[f"{name}_p95"] = round(percentile(ordered, 95), 3)
            fields[f"{name}_max"] = round(ordered[-1], 3)
    return fields


def percentile(ordered: Sequence[float], percent: int) -> float:
    """By nearest rank: the smallest of the ordered values that at least so many per cent of them do not exceed."""
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]
