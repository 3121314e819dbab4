"""Log events as CloudWatch Logs takes them: within its quotas, one call after another.

Quotas: CloudWatch Logs API Reference, PutLogEvents and CreateLogStream.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

EVENT_OVERHEAD_BYTES = 26  # counted for each event, beside its message in UTF-8
EVENT_BYTES = 256 * 1024  # the longest event; 1 MB by now, but no line of ours is of use at that length
BATCH_BYTES = 1_048_576
BATCH_EVENTS = 10_000
BATCH_SPAN_MS = 24 * 60 * 60 * 1000  # from the earliest event of a batch to its latest
STREAM_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line and when it was logged, in milliseconds since the epoch. `bytes` is what it counts for in a batch."""

    at: int
    line: str
    bytes: int

    @classmethod
    def of(cls, at: int, line: str) -> LogEvent:
        """The event for a line; one that is too long is cut."""
        message = line.encode(errors="replace")[: EVENT_BYTES - EVENT_OVERHEAD_BYTES]
        return cls(at, message.decode(errors="ignore"), len(message) + EVENT_OVERHEAD_BYTES)


def first_batch(events: Iterable[LogEvent]) -> list[LogEvent]:
    """As many of the first events as one call may carry: at least one, where there is one."""
    batch: list[LogEvent] = []
    size, earliest, latest = 0, None, None
    for event in events:
        size += event.bytes
        earliest = event.at if earliest is None else min(earliest, event.at)
        latest = event.at if latest is None else max(latest, event.at)
        if len(batch) == BATCH_EVENTS or size > BATCH_BYTES or latest - earliest > BATCH_SPAN_MS:
            break
        batch.append(event)
    return batch


def stream_name(host: str, started: float) -> str:
    """The log stream of a worker that started then. Colons and asterisks may not be in it."""
    start = time.strftime("/%Y-%m-%dT%H-%M-%SZ", time.gmtime(started))
    return re.sub("[:*]", "-", host)[: STREAM_CHARACTERS - len(start)] + start
