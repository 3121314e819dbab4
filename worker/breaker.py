"""The licence breaker: a mode whose licence is lost is held, so that no job is spent on finding that out again.

So is one in which job after job fails: a broken tool must not burn a backlog.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from shared import logs
from worker.engines.engine import EngineError, FailureClass
from worker.reminders import Reminders

LONGEST_HOLD = 4  # times the first one
IN_A_ROW = 5  # different jobs that failed in a mode with no score between: it is not the jobs any more

log = logs.get(__name__)


class Admission(Enum):
    """What a job of a mode may do."""

    ALL = "all"  # the mode is well
    ALONE = "alone"  # the mode was held: this one job shows whether it is well again
    NONE = "none"  # the mode is held, or one job tries it


@dataclass
class _Hold:
    error: EngineError
    seconds: float
    until: float
    whole: bool = False  # the engine was not fit at all, whatever the mode
    tried: bool = False  # one job is on its way


class Breaker:
    """Holds modes, each by itself. A held mode is tried again by one job alone; only then do all go on.

    The first hold lasts `hold_seconds`, each further one twice as long, to four times that at most.
    """

    def __init__(self, modes: Iterable[str], hold_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._modes = frozenset(modes)
        self._hold_seconds = hold_seconds
        self._clock = clock
        self._holds: dict[str, _Hold] = {}
        self._failed: dict[str, set[str]] = {}  # by mode, the jobs that failed since its last score
        self._reminders = Reminders(clock)
        self._lock = threading.Lock()

    def admit(self, mode: str) -> Admission:
        """Ask before a job of that mode is fetched. ALONE must be followed by `well`, `hold` or `untried`."""
        with self._lock:
            hold = self._holds.get(mode)
            if hold is None:
                return Admission.ALL
            if hold.tried or self._clock() < hold.until:
                return Admission.NONE
            hold.tried = True
            return Admission.ALONE

    def hold(self, mode: str, error: EngineError, *, alone: bool) -> None:
        """The mode failed for the licence or the configuration. Of many jobs that say so at once, one counts."""
        with self._lock:
            self._hold(mode, error, alone=alone)
        self._tell([mode], error)

    def hold_all(self, error: EngineError) -> None:
        """The engine is not fit as a whole: hold every mode."""
        with self._lock:
            for mode in self._modes:
                self._hold(mode, error, whole=True)
        self._tell(self._modes, error)

    def failed(self, mode: str, job_id: str, error: EngineError, *, alone: bool) -> None:
        """A job failed by a `transient` error. The mode is held once `IN_A_ROW` different ones did."""
        with self._lock:
            failed = self._failed.setdefault(mode, set())
            failed.add(job_id)
            broken = len(failed) >= IN_A_ROW
        if broken:
            message = f"{IN_A_ROW} jobs in a row failed, the last one by {error} Run `python -m worker check`."
            self.hold(mode, EngineError(FailureClass.CONFIG, "jobs_fail_in_a_row", message), alone=alone)
        elif alone:
            self.untried(mode)

    def scored(self, mode: str, *, alone: bool) -> None:
        """A job went through; where it was alone, all may go on."""
        with self._lock:
            self._failed.pop(mode, None)
        if alone:
            self.well(mode)

    def well(self, mode: str) -> None:
        """The job that was alone went through: all may go on."""
        with self._lock:
            self._holds.pop(mode, None)
        self._tell_well([mode])

    def fit(self, mode: str) -> None:
        """A self-test scored in that mode: it is well, and so is whatever was held since the engine was not fit."""
        with self._lock:
            over = [held for held, hold in self._holds.items() if hold.whole or held == mode]
            for held in over:
                del self._holds[held]
        if over:
            self._tell_well(over)

    def untried(self, mode: str) -> None:
        """The job that was alone came to nothing for reasons of its own: another may try."""
        with self._lock:
            if hold := self._holds.get(mode):
                hold.tried = False

    def held(self, mode: str) -> bool:
        """Whether the mode is held, be it that one job tries it."""
        return mode in self._holds

    def all_that_is_held(self) -> list[str]:
        """Every mode that is held, by name.

        One that the engine does not have as well, where a job asked for it, until none has come for it in a while.
        """
        with self._lock:
            patience = self._hold_seconds * LONGEST_HOLD  # see `pause_seconds`
            for mode in self._holds.keys() - self._modes:
                hold = self._holds[mode]
                if not hold.tried and self._clock() >= hold.until + patience:
                    del self._holds[mode]
                    self._reminders.forget(mode)
            return sorted(self._holds)

    def pause_seconds(self) -> float:
        """How long to leave a job of a held mode alone: from one hold to four, at random."""
        return random.uniform(self._hold_seconds, self._hold_seconds * LONGEST_HOLD)  # noqa: S311 - jitter

    def closed(self) -> FailureClass | None:
        """Why nothing need be received now: every mode is held. None where some job could go on."""
        with self._lock:
            now = self._clock()
            return self._reason({mode: hold for mode, hold in self._holds.items() if hold.tried or now < hold.until})

    def all_held(self) -> FailureClass | None:
        """Why no mode is well, be it that one may be tried again. None where some mode is."""
        with self._lock:
            return self._reason(self._holds)

    def _reason(self, holds: Mapping[str, _Hold]) -> FailureClass | None:
        if not self._modes <= holds.keys():
            return None
        return next(hold.error.failure_class for mode, hold in holds.items() if mode in self._modes)

    def _hold(self, mode: str, error: EngineError, *, alone: bool = False, whole: bool = False) -> None:
        before = self._holds.get(mode)
        if before and not alone:
            return
        seconds = min(before.seconds * 2, self._hold_seconds * LONGEST_HOLD) if before else self._hold_seconds
        self._holds[mode] = _Hold(error, seconds, self._clock() + seconds, whole)

    def _tell(self, modes: Iterable[str], error: EngineError) -> None:
        """One line when they are lost, whoever finds that out again; then a reminder in a while."""
        due = sorted(mode for mode in modes if self._reminders.due(mode, error.code))
        if due:
            log.error("mode_held", mode=", ".join(due), failure_class=error.failure_class, why=str(error))

    def _tell_well(self, modes: Iterable[str]) -> None:
        for mode in modes:
            self._reminders.forget(mode)
        log.info("mode_well", mode=", ".join(sorted(modes)))
