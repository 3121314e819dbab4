"""The stage before the seats: claims the job, fetches its files, and has them examined, so that no seat ever waits."""

from __future__ import annotations

import time
from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from shared import envelope, logs
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS, Claims
from shared.envelope import MalformedEnvelope, NewerEnvelope
from shared.errors import AlreadyEnded, NotClaimable, StoreError, UnknownJob
from shared.job import Job
from shared.states import State
from worker.accounts import Accounts
from worker.breaker import Admission, Breaker
from worker.cancellation import WasCancelled
from worker.clock import Clock
from worker.engines.engine import EngineError, FailureClass
from worker.handoff import Handoff
from worker.job_files import FetchStopped, JobFiles
from worker.keeper import Keeper
from worker.measuring import Measuring, MeasuringStopped
from worker.messages import Messages
from worker.patience import GaveUp
from worker.places import Places
from worker.work import UNEXPECTED, Crashed, Failed, Finished, Outcome, Unscored, Work

LONG_CLAIM_SECONDS = 10  # a claim that took longer than that to be made is extended at once
IN_HAND_SECONDS = 15  # another message of a job in hand here: soon gone once that ended; 1,000 receives are four hours
ASIDE_SECONDS = 120  # one that nobody can read and that cannot be put aside
NEWER_SECONDS = 60  # a message of a newer version waits so long for a newer worker

log = logs.get(__name__)


class Fetcher:
    """Brings a message to a job that is claimed, local and examined; `fetch` is called from several threads."""

    def __init__(  # noqa: PLR0913 - the stage where most parts meet
        self,
        *,
        claims: Claims,
        messages: Messages,
        breaker: Breaker,
        files: JobFiles,
        measuring: Measuring,
        keeper: Keeper,
        places: Places,
        accounts: Accounts,
        clock: Clock,
        ready: Handoff[Work],
        outbox: Handoff[Finished],
    ) -> None:
        self._claims = claims
        self._messages = messages
        self._breaker = breaker
        self._files = files
        self._measuring = measuring
        self._keeper = keeper
        self._places = places
        self._accounts = accounts
        self._clock = clock
        self._ready = ready
        self._outbox = outbox

    def fetch(self, work: Work) -> None:
        """Claim and fetch; hands the work on to the seats, or to the committer where no seat is needed."""
        if not self._claimed(work):
            self._places.release(work.placed)
            return
        with logs.about(work.claimed):
            outcome = self._safe_outcome(work)
        if outcome is None:
            self._ready.put(work)
        else:
            self._tell_breaker(work, outcome)
            self._places.release(work.placed)
            self._outbox.put((work, outcome))

    def _tell_breaker(self, work: Work, outcome: Outcome) -> None:
        job = work.claimed
        match outcome:
            case Failed(error) if error.failure_class is FailureClass.TRANSIENT:
                self._breaker.failed(job.mode, job.id, error, alone=work.alone)
            case _ if work.alone:
                self._breaker.untried(job.mode)

    def _claimed(self, work: Work) -> bool:
        """Whether the job is ours now; where it is not, the message is settled and the work let go."""
        job = None
        try:
            if self._clock.off():
                self._give_back(work, 0)
            else:
                job = self._claim(work)
        except Exception:
            log.exception("claim_failed", message_id=work.message.id)  # the message comes again by its visibility
        if job is None:
            self._accounts.unclaimed()
            self._keeper.let_go(work)
            work.cancelled.close()
        return job is not None

    def _claim(self, work: Work) -> Job | None:
        """The claimed job; None where there is none to be had, and its message is settled."""
        message = work.message
        try:
            job_id = envelope.unpack(message.body).job
            if self._keeper.holds(job_id):  # after a network cut: its claim may look dead, and must not be taken over
                self._give_back(work, IN_HAND_SECONDS)
                return None
            work.job_id = job_id
            claim_ends = time.monotonic() + CLAIM_SECONDS
            job = self._claims.claim(job_id)
        except NewerEnvelope:
            self._give_back(work, NEWER_SECONDS)
        except MalformedEnvelope as error:
            log.warning("message_malformed", message_id=message.id, why=str(error))
            self._put_aside(work)
        except (UnknownJob, AlreadyEnded):
            self._messages.delete(message)
        except NotClaimable as race:
            self._give_back(work, seconds_to_claim(race.job, self._clock()))
        except GaveUp:
            self._give_back(work, 0)
        else:
            work.job, work.claim_ends = job, claim_ends
            return job if self._still_ours(work) else None
        return None

    def _put_aside(self, work: Work) -> None:
        """Where that cannot be done now, it must not keep a place: it goes back for a while."""
        try:
            self._messages.put_aside(work.message)
        except (BotoCoreError, ClientError, GaveUp) as error:
            log.error("message_not_put_aside", message_id=work.message.id, error=str(error))  # noqa: TRY400
            self._give_back(work, ASIDE_SECONDS)

    def _still_ours(self, work: Work) -> bool:
        """A claim that took long to come through has little left: it is extended before anything else."""
        ends = time.monotonic() + CLAIM_SECONDS
        if work.claim_ends is not None and ends - work.claim_ends < LONG_CLAIM_SECONDS:
            return True
        try:
            self._claims.extend(work.claimed)
        except (StoreError, GaveUp):
            with suppress(StoreError, GaveUp):
                self._claims.put_back(work.claimed)
            self._give_back(work, 0)
            return False
        work.claim_ends = ends
        return True

    def _give_back(self, work: Work, seconds: float) -> None:
        self._keeper.let_go(work)  # first, for a beat would hide the message again
        self._messages.show_in(work.message, seconds)

    def _safe_outcome(self, work: Work) -> Outcome | None:
        try:
            return self._admitted(work)
        except Exception:
            log.exception("fetch_failed")
            return Crashed(UNEXPECTED)

    def _admitted(self, work: Work) -> Outcome | None:
        waited = max(work.claimed.times[State.RUNNING] - work.claimed.times[State.QUEUED], 0)
        work.timings_ms["queued"] = _milliseconds(waited)
        self._accounts.claimed(waited)
        log.info("claimed", lane=work.message.lane, waited_seconds=round(waited, 3), receives=work.message.receives)
        admission = self._breaker.admit(work.claimed.mode)
        if admission is Admission.NONE:
            return Unscored.PUT_OFF
        work.alone = admission is Admission.ALONE
        return self._local(work)

    def _local(self, work: Work) -> Outcome | None:
        job, began = work.claimed, time.monotonic()
        try:
            work.directory = self._files.fetch(job, work.cancelled)
            work.findings = self._measuring.examine(work.directory, job)
        except EngineError as error:
            return Failed(error)
        except (FetchStopped, MeasuringStopped):
            return Unscored.RETURNED
        except WasCancelled:
            return Unscored.DROPPED
        finally:
            seconds = time.monotonic() - began
            work.timings_ms["fetched"] = _milliseconds(seconds)
            self._accounts.fetched(seconds)
        return Unscored.NO_SIGNAL if work.findings.silent else None


def seconds_to_claim(job: Job, now: float) -> float:
    """How long another's claim keeps this job from being claimed, and a little more."""
    rest = (job.claim_until or 0) + GRACE_SECONDS - now
    return max(rest, 0) + 5


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
