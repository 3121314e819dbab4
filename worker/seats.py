"""The seats: each takes the next job that is ready, and has it scored in its child process."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import tenacity

from shared import logs
from shared.claims import Claims
from shared.job import Job
from worker.accounts import Accounts
from worker.breaker import Breaker
from worker.disk import Disk
from worker.engines.engine import Description, EngineError, FailureClass
from worker.handoff import Handoff
from worker.job_files import SCRATCH
from worker.places import Places
from worker.pool_terms import WRONG_VERSION, check_version
from worker.reminders import Reminders
from worker.seat import Seat, SeatError, SeatStopped
from worker.spawner import Spawner
from worker.work import UNEXPECTED, Crashed, Failed, Finished, Outcome, Scored, Unscored, Work

if TYPE_CHECKING:
    from shared.pools import Pool

WARM_SECONDS = 300.0  # the first score of ViSQOL compiles for some 10 s, more on a busy machine
BASE_SECONDS = 60.0  # how long an engine may take: so long, and
FACTOR = 10.0  # so many times the audio's length,
LONGEST_SECONDS = 3600.0  # at most
ENDING_SECONDS = 30.0  # so much later than an engine that ends its own runs: for that and its answer
RESTART_SECONDS = 20.0  # the longest wait before a seat that does not come up is started once more
LOOK_SECONDS = 2.0  # how often a seat without a job looks whether its process is still there
IDLE_DEATHS = 3  # in a row, with no job between: from here on a seat is started again only after the longest wait

HOLDING = frozenset({FailureClass.LICENCE, FailureClass.CONFIG})  # no fault of the job's: its mode is held

log = logs.get(__name__)


class Seats:
    """`count` seats, each on a thread of its own."""

    def __init__(  # noqa: PLR0913 - the stage that the machine is there for
        self,
        *,
        engine: str,
        description: Description,
        pool: Pool,
        count: int,
        environment: Mapping[str, str],
        spawner: Spawner,
        disk: Disk,
        breaker: Breaker,
        claims: Claims,
        places: Places,
        accounts: Accounts,
        ready: Handoff[Work],
        outbox: Handoff[Finished],
    ) -> None:
        self._seats = [Seat(engine, number, environment, spawner) for number in range(count)]
        self._description = description
        self._pool = pool
        self._disk = disk
        self._breaker = breaker
        self._claims = claims
        self._places = places
        self._accounts = accounts
        self._ready = ready
        self._outbox = outbox
        self._stopping = threading.Event()
        self._beginning = ThreadPoolExecutor(count, thread_name_prefix="begin")
        self._threads = [threading.Thread(target=self._run, args=(seat,), name="seat") for seat in self._seats]
        self._warm = threading.Semaphore(0)
        self._up: set[Seat] = set()
        self._idle_deaths: Counter[Seat] = Counter()
        self._reminders = Reminders()
        self._version = description.version
        self._versions: dict[Seat, str] = {}

    def start(self) -> None:
        """Start every seat's process; returns at once."""
        for thread in self._threads:
            thread.start()

    def wait_warm(self, limit_seconds: float | None = None) -> bool:
        """Wait until one more seat has come up; whether one did within the limit."""
        return self._warm.acquire(timeout=limit_seconds)

    def stop(self) -> None:
        """Take no more, and wait until what runs has ended; `hurry` stops it. Every process is gone after it."""
        self.take_no_more()
        for thread in self._threads:
            thread.join()
        for work in self._ready.clear():  # what a seat gave back that had died before it could begin
            self._done(work, Unscored.RETURNED)
        self._beginning.shutdown()

    def take_no_more(self) -> None:
        """What has not begun is not begun any more; a seat that still warms up is of no use then."""
        self._stopping.set()
        self._ready.close()
        for seat in self._seats:
            if seat not in self._up:
                seat.stop()

    def hurry(self) -> None:
        """Stop what runs now."""
        self.take_no_more()
        for seat in self._seats:
            seat.stop()

    @property
    def up(self) -> int:
        """How many seats have a process that is fit to score."""
        return len(self._up)

    @property
    def version(self) -> str:
        """The version of the engine, as the last seat that came up told it; before that, as it was described."""
        return self._version

    def _run(self, seat: Seat) -> None:
        answered = False

        def answers() -> None:
            nonlocal answered
            if not answered:
                answered = True
                self._warm.release()

        while self._bring_up(seat, answers):
            work = self._ready.take(LOOK_SECONDS)
            if work is None:
                if self._stopping.is_set():
                    break
            elif not self._is_up(seat):  # it died while it waited: no fault of this job's
                self._ready.put(work)
            else:
                with logs.about(work.claimed):
                    outcome = self._safe_outcome(seat, work)
                self._done(work, outcome)
                del self._idle_deaths[seat]
        seat.stop()

    def _is_up(self, seat: Seat) -> bool:
        return seat in self._up and seat.is_alive()

    def _done(self, work: Work, outcome: Outcome) -> None:
        with logs.about(work.claimed):
            self._tell_breaker(work, outcome)
        self._places.release(work.placed)
        self._outbox.put((work, outcome))

    def _bring_up(self, seat: Seat, answers: Callable[[], None]) -> bool:
        """Have the seat's process up, starting it until it comes up; False once the worker ends."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Exception),  # whatever it is, a seat is worth another try
            wait=tenacity.wait_random_exponential(multiplier=1, max=RESTART_SECONDS),
            stop=tenacity.stop_when_event_set(self._stopping),
            sleep=tenacity.sleep_using_event(self._stopping),
            before_sleep=partial(self._before_retry, seat),
        )
        if not self._is_up(seat):
            self._note_gone(seat)
            try:
                retrying(self._start, seat, answers)
            except tenacity.RetryError:
                return False
            self._up.add(seat)
            self._breaker.fit(self._description.default_mode)  # in which the self-test scored
            if self._reminders.forget(seat):
                log.info("seat_up")
        answers()
        return True

    def _note_gone(self, seat: Seat) -> None:
        """Tell of a process that ended by itself while it had no job; after some in a row, wait."""
        if seat in self._up and (cause := seat.reap()):
            log.warning("seat_died", cause=cause)
            self._idle_deaths[seat] += 1
        self._up.discard(seat)
        if self._idle_deaths[seat] >= IDLE_DEATHS:
            self._put_off_all()
            self._stopping.wait(RESTART_SECONDS)

    def _put_off_all(self) -> None:
        """With no seat up, what waits for one goes back: another host may have a seat."""
        for work in self._ready.clear() if not self._up else []:
            self._done(work, Unscored.PUT_OFF)

    def _before_retry(self, seat: Seat, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        told_by_breaker = isinstance(error, EngineError) and self._breaker.all_held()
        if not told_by_breaker and self._reminders.due(seat, f"{type(error).__name__}: {error}"):
            log.error("seat_not_up", attempt=state.attempt_number, error=f"{type(error).__name__}: {error}")
        self._put_off_all()

    def _start(self, seat: Seat, answers: Callable[[], None]) -> None:
        seat.start()
        if self._stopping.is_set():  # looked at once it can be stopped: a `hurry` before that found nothing to stop
            seat.stop()
            raise SeatStopped("the worker ends")
        try:
            version = seat.wait_ready(WARM_SECONDS)
            check_version(self._pool, version)
        except EngineError as error:
            seat.stop()
            if error.code == WRONG_VERSION:  # the others were started from what was there before: each looks again
                self._up.clear()
            if not self._up:  # a seat that scores shows that the engine as a whole is fit
                self._breaker.hold_all(error)
            if error.failure_class is FailureClass.LICENCE:
                answers()  # the seat is well, the licence is not: a state of the host, and no reason not to be up
            raise
        self._version = self._versions[seat] = version

    def _safe_outcome(self, seat: Seat, work: Work) -> Outcome:
        try:
            return self._outcome(seat, work)
        except Exception:
            log.exception("seat_failed")  # whatever it is, the seat lives on, and so does the job
            return Crashed(UNEXPECTED)

    def _outcome(self, seat: Seat, work: Work) -> Outcome:
        if self._stopping.is_set():
            return Unscored.RETURNED
        if work.cancelled.is_set():
            return Unscored.DROPPED
        if self._breaker.held(work.claimed.mode) and not work.alone:
            return Unscored.PUT_OFF
        work.begun = self._begin(work.claimed)
        self._accounts.begun()
        began, outcome = time.monotonic(), None
        try:
            outcome = self._score(seat, work)
            return outcome
        finally:
            seconds = time.monotonic() - began
            work.timings_ms["scored"] = round(seconds * 1000)
            self._accounts.scored(seconds, counts=isinstance(outcome, Scored))

    def _tell_breaker(self, work: Work, outcome: Outcome) -> None:
        mode = work.claimed.mode
        match outcome:
            case Failed(error) if error.failure_class in HOLDING:
                self._breaker.hold(mode, error, alone=work.alone)
            case Failed(error) if error.failure_class is FailureClass.TRANSIENT:
                self._breaker.failed(mode, work.claimed.id, error, alone=work.alone)
            case Scored():
                self._breaker.scored(mode, alone=work.alone)
            case _ if work.alone:
                self._breaker.untried(mode)

    def _begin(self, job: Job) -> Future[Job]:
        """Note beside the scoring that it began: the commit waits for that, the seat does not."""

        def begin() -> Job:
            with logs.about(job):
                return self._claims.begin(job)

        return self._beginning.submit(begin)

    def _score(self, seat: Seat, work: Work) -> Outcome:
        findings, job = work.findings, work.claimed
        if findings is None or work.directory is None:
            raise RuntimeError(f"job {job.id} came to a seat without its files")
        limit = run_limit(findings.seconds, self._description.limit_seconds)
        scratch = work.directory / SCRATCH
        work.engine_version = self._versions[seat]
        try:
            return Scored(seat.score(findings.reference, findings.degraded, job.mode, scratch, limit, work.cancelled))
        except EngineError as error:
            self._disk.heed(error)
            return Failed(error)
        except SeatStopped:
            return Unscored.DROPPED if work.cancelled.is_set() else Unscored.RETURNED
        except SeatError as error:
            log.warning("attempt_lost", error=str(error))
            return Crashed(error.code)


def run_limit(audio_seconds: float, own_limit_seconds: float | None) -> float:
    """How many seconds a seat waits for its engine: by the audio; where the engine ends its runs itself, for that."""
    if own_limit_seconds is None:
        return min(BASE_SECONDS + FACTOR * audio_seconds, LONGEST_SECONDS)
    return min(own_limit_seconds, LONGEST_SECONDS) + ENDING_SECONDS
