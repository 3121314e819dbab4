"""Log shipping: the lines that go to standard output go to CloudWatch Logs too, where a log group is named.

Nobody who logs ever waits for it. Lines are buffered up to a bound, and one thread sends them. When the buffer is full
the newest are dropped, and counted: the oldest tell how it began, and `logs_dropped` then stands where the gap is. A
call whose answer was lost is made again, so a line may show twice. The seats' and the measuring process's own lines go
to standard error, which the journal keeps, and are not shipped.

watchtower, 3.4, buffers without a bound, gives a batch up after five tries, and counts nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import tenacity
from botocore.exceptions import ClientError, ParamValidationError

from shared import logs
from shared.jobs import Clock
from worker.log_events import BATCH_BYTES, BATCH_EVENTS, LogEvent, first_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_logs import CloudWatchLogsClient

BUFFER_BYTES = 8 * BATCH_BYTES  # some 30,000 lines
SEND_SECONDS = 5.0  # how long a line waits for others
LONGEST_WAIT_SECONDS = 30.0  # between two tries
TELL_SECONDS = 60.0  # between two lines of one kind about the shipping itself
FLUSH_SECONDS = 5.0  # how long the worker's end waits for the last lines to be sent

log = logs.get(__name__)


class LogShipping:
    """Takes lines from any thread, and sends them in the order in which they came in."""

    def __init__(self, group: str | None, stream: str, clock: Clock = time.time) -> None:
        """Without a group nothing is shipped, and nothing dropped."""
        self._group = group or ""
        self._stream = stream
        self._clock = clock
        self._buffer: deque[LogEvent] = deque()
        self._bytes = 0
        self._dropped = 0
        self._dropped_told = 0
        self._telling = False
        self._failure_told_at = self._dropped_told_at = -math.inf
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-shipping", daemon=True)  # a call may hang

    def start(self, client: CloudWatchLogsClient) -> None:
        """Begin to send, what was put before as well; returns at once."""
        self._client = client
        if self._group:
            self._thread.start()

    def stop(self, limit_seconds: float = FLUSH_SECONDS) -> None:
        """Send what is left, within the limit; what could not be sent by then is on standard output only."""
        if self._thread.ident is None:
            return
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(limit_seconds)
        if left := len(self._buffer):
            log.warning("logs_left", lines=left)

    @property
    def dropped(self) -> int:
        """How many lines were dropped so far: for want of room, or because CloudWatch Logs refused them."""
        return self._dropped

    def put(self, line: str) -> None:
        """Have a line sent some time soon. Never waits for the network."""
        ours = threading.current_thread() is self._thread
        if not self._group or (ours and self._telling):
            return  # that sending fails is not sent: it would feed itself
        with self._changed:
            event = LogEvent.of(round(self._clock() * 1000), line)
            if self._bytes + event.bytes > BUFFER_BYTES and not ours:
                self._dropped += 1
                return
            self._buffer.append(event)
            self._bytes += event.bytes
            if self._full():
                self._changed.notify_all()

    def _full(self) -> bool:
        return self._bytes >= BATCH_BYTES or len(self._buffer) >= BATCH_EVENTS

    def _run(self) -> None:
        retrying = tenacity.Retrying(
            wait=tenacity.wait_random_exponential(multiplier=1, max=LONGEST_WAIT_SECONDS),
            stop=tenacity.stop_when_event_set(self._stopping),
            sleep=tenacity.sleep_using_event(self._stopping),
            before_sleep=self._retry,
        )
        with suppress(tenacity.RetryError):  # the worker ends, and the last try failed
            while not self._stopping.is_set() or self._buffer:
                if batch := self._wait():
                    self._sent(batch, refused=retrying(self._send, batch))

    def _wait(self) -> list[LogEvent]:
        """What to send, once a batch is full, `SEND_SECONDS` are over, or the worker ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or self._full(), SEND_SECONDS)
            first = list(islice(self._buffer, BATCH_EVENTS))
        return first_batch(first)

    def _send(self, batch: Sequence[LogEvent]) -> int:
        """Send a batch; how many of its events were refused for good. Raises what may pass."""
        try:
            return self._put_events(batch)
        except ParamValidationError as error:
            return self._refused(batch, error)
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "ResourceNotFoundException":
                    self._create_stream()
                    return self._put_events(batch)
                case "InvalidParameterException":
                    return self._refused(batch, error)
            raise

    def _put_events(self, batch: Sequence[LogEvent]) -> int:
        response = self._client.put_log_events(
            logGroupName=self._group,
            logStreamName=self._stream,
            logEvents=[{"timestamp": event.at, "message": event.line} for event in sorted(batch, key=lambda e: e.at)],
        )
        rejected = response.get("rejectedLogEventsInfo", {})
        too_old = max(rejected.get("tooOldLogEventEndIndex", 0), rejected.get("expiredLogEventEndIndex", 0))
        return too_old + len(batch) - rejected.get("tooNewLogEventStartIndex", len(batch))

    def _create_stream(self) -> None:
        try:
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise

    def _sent(self, batch: Sequence[LogEvent], refused: int) -> None:
        with self._changed:
            for event in batch:
                self._buffer.popleft()
                self._bytes -= event.bytes
            self._dropped += refused
            dropped = self._dropped
        now = time.monotonic()
        if dropped > self._dropped_told and now - self._dropped_told_at >= TELL_SECONDS:
            log.warning("logs_dropped", lines=dropped - self._dropped_told)
            self._dropped_told, self._dropped_told_at = dropped, now

    def _refused(self, batch: Sequence[LogEvent], error: Exception) -> int:
        """A batch that would be refused for ever, and hold up all that comes after it."""
        self._tell(error)
        return len(batch)

    def _retry(self, state: tenacity.RetryCallState) -> None:
        self._tell(state.outcome.exception() if state.outcome else None)

    def _tell(self, error: BaseException | None) -> None:
        now = time.monotonic()
        if now - self._failure_told_at < TELL_SECONDS:
            return
        self._failure_told_at = now
        self._telling = True
        log.warning("logs_not_shipped", waiting=len(self._buffer), error=f"{type(error).__name__}: {error}")
        self._telling = False
