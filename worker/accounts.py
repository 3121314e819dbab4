"""The accounts: what the stages did, told as one log line a minute, of which CloudWatch makes metrics."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from shared import logs
from shared.job import JobError
from shared.jobs import Clock
from shared.pools import Lane
from worker.ends import End
from worker.engines.engine import FailureClass
from worker.metrics import Source, statistics, with_metrics
from worker.work import Crashed, Failed, Outcome

MINUTE_SECONDS = 60.0
CRASH = "crash"  # beside the engines' failure classes: the seat's process died, or took too long

_COUNTS = (
    "receive_calls",
    *(f"receive_calls_{lane}" for lane in Lane),
    *(f"received_{lane}" for lane in Lane),
    "claimed",
    "unclaimed",
    *(f"ended_{end}" for end in End),
    "attempts_failed",
    *(f"attempts_failed_{failure}" for failure in (*FailureClass, CRASH)),
)

log = logs.get(__name__)


@dataclass
class _Told:
    """What was told since `began`."""

    began: float
    counts: Counter[str] = field(default_factory=Counter)
    failed_codes: Counter[str] = field(default_factory=Counter)
    series: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    busy_seconds: float = 0.0
    most_waiting: int = 0


class Accounts:
    """What the stages tell, from any thread. All durations in seconds."""

    def __init__(
        self,
        *,
        source: Source,
        seats: int,
        readings: Callable[[], Mapping[str, JsonValue]],
        totals: Callable[[], Mapping[str, int]],
        clock: Clock = time.monotonic,
    ) -> None:
        """`readings` are told as they stand at the end of a minute; of `totals`, which only grow, the growth is."""
        self._source = source
        self._seats = seats
        self._readings = readings
        self._totals = totals
        self._clock = clock
        self._lock = threading.Lock()
        self._told = _Told(clock())
        self._totals_told: Mapping[str, int] = {}
        self._busy = 0
        self._busy_since = clock()
        self._waiting = 0
        self._scores = 0
        self._score_seconds = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="accounts")

    def start(self) -> None:
        """Write a line each minute; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Write the last line, of the minute that has begun."""
        self._stopping.set()
        self._thread.join()
        self._write()

    def received(self, lane: Lane, messages: int) -> None:
        """A receive call of that lane came back with so many messages."""
        with self._lock:
            self._told.counts["receive_calls"] += 1
            self._told.counts[f"receive_calls_{lane}"] += 1
            self._told.counts[f"received_{lane}"] += messages

    def claimed(self, queue_wait: float) -> None:
        """A message led to a claim; its job had been queued for so long."""
        with self._lock:
            self._told.counts["claimed"] += 1
            self._told.series["queue_wait"].append(queue_wait)
            self._waiting += 1
            self._told.most_waiting = max(self._told.most_waiting, self._waiting)

    def unclaimed(self) -> None:
        """A message led to no claim: its job had ended, is another's, or could not be read."""
        with self._lock:
            self._told.counts["unclaimed"] += 1

    def fetched(self, seconds: float) -> None:
        """A claimed job's files were fetched and examined, or refused."""
        with self._lock:
            self._told.series["fetch"].append(seconds)

    def begun(self) -> None:
        """A seat began to score."""
        with self._lock:
            self._pass_time()
            self._waiting -= 1
            self._busy += 1

    def scored(self, seconds: float, *, counts: bool) -> None:
        """A seat has done with what it began, whatever came of it; the mean `counts` only what has a score."""
        with self._lock:
            self._pass_time()
            self._busy -= 1
            self._scores += counts
            self._score_seconds += seconds * counts
            self._told.series["score"].append(seconds)

    def published(self, seconds: float) -> None:
        """A result document was written to the bucket."""
        with self._lock:
            self._told.series["publish"].append(seconds)

    def ended(self, end: End, outcome: Outcome, *, begun: bool, error: JobError | None) -> None:
        """A claimed job is done with here: whether a seat had begun it, and the error it has since, if any."""
        with self._lock:
            self._told.counts[f"ended_{end}"] += 1
            if error and end in (End.FAILED_BAD_INPUT, End.FAILED_SERVICE):
                self._told.failed_codes[f"{error.category}/{error.code}"] += 1
            if failure := _failure(outcome):
                self._told.counts["attempts_failed"] += 1
                self._told.counts[f"attempts_failed_{failure}"] += 1
            if not begun:
                self._waiting -= 1

    @property
    def busy(self) -> int:
        """How many seats score at this moment."""
        return self._busy

    @property
    def mean_seconds(self) -> float | None:
        """Mean time of a score since the worker started, None before the first."""
        with self._lock:
            return self._score_seconds / self._scores if self._scores else None

    def take(self) -> dict[str, JsonValue]:
        """The fields of the line for what was told since the last one; from here on the next minute counts."""
        readings, totals = self._readings(), self._totals()
        with self._lock:
            self._pass_time()
            told, self._told = self._told, _Told(self._clock(), most_waiting=self._waiting)
            seconds = max(self._told.began - told.began, 1e-3)
            growth = {name: total - self._totals_told.get(name, 0) for name, total in totals.items()}
            self._totals_told = totals
        line: dict[str, JsonValue] = {
            "seconds": round(seconds, 3),
            "seats": self._seats,
            "seat_use": round(100 * told.busy_seconds / (self._seats * seconds), 2),
            "busy_seconds": round(told.busy_seconds, 3),
            "claimed_not_begun": told.most_waiting,
            **{name: told.counts[name] for name in _COUNTS},
            **statistics(told.series),
            "failed_codes": dict(told.failed_codes),
            **growth,
            **readings,
        }
        return with_metrics(self._source, line)

    def _pass_time(self) -> None:
        now = self._clock()
        self._told.busy_seconds += self._busy * (now - self._busy_since)
        self._busy_since = now

    def _run(self) -> None:
        while not self._stopping.wait(MINUTE_SECONDS):
            self._write()

    def _write(self) -> None:
        try:
            log.info("minute", **self.take())
        except Exception:
            log.exception("minute_not_told")  # nothing of it is lost: the next one tells it


def _failure(outcome: Outcome) -> str | None:
    """The class of a failed attempt."""
    match outcome:
        case Failed(error):
            return error.failure_class.value
        case Crashed():
            return CRASH
    return None
