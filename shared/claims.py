"""The worker's half of the store: a job is claimed, begun, and brought to one end, each step fenced by the attempt."""

import math
import time

from boto3.dynamodb.conditions import Attr, ConditionBase
from pydantic import JsonValue

from shared import logs
from shared.change import Change
from shared.errors import AlreadyEnded, LostRace, NotClaimable, Overtaken
from shared.job import ErrorCategory, Job, JobError
from shared.job_table import JobTable
from shared.jobs import FIRST_CHECK_SECONDS, Clock, ending
from shared.lives import LIVES, Lives
from shared.result import Result
from shared.states import State

CLAIM_SECONDS = 60.0
GRACE_SECONDS = 30.0  # clocks differ: a claim is dead only this long after it ended
MAX_FAILURES = 3
MAX_LOST_CLAIMS = 10
CLAIMED_CHECK_SECONDS = 5 * 60

log = logs.get(__name__)


class Claims:
    """Claims of one host. Every method but `claim` takes the job as claimed, and is refused once it was overtaken."""

    def __init__(self, table: JobTable, host: str, clock: Clock = time.time, lives: Lives = LIVES) -> None:
        self._table = table
        self._host = host
        self._lives = lives
        self._clock = clock

    def get(self, job_id: str) -> Job:
        """The job, read consistently. Raises UnknownJob."""
        return self._table.get(job_id)

    def claim(self, job_id: str) -> Job:
        """`queued`, or `running` with a claim that is dead → `running`, attempt + 1, mine.

        A claim over a dead one counts a failure where that attempt had begun, a lost claim where not; too many of
        them end the job. Raises UnknownJob, AlreadyEnded, NotClaimable.
        """
        try:
            return self._table.update(job_id, self._claimed(), Attr("state").eq(State.QUEUED))
        except LostRace as race:
            return self._claim_over(race.job)

    def extend(self, job: Job) -> Job:
        """Hold the claim for another `CLAIM_SECONDS`. Raises Overtaken, AlreadyEnded, UnknownJob."""
        return self._mine(job, Change({"claim_until": self._clock() + CLAIM_SECONDS}))

    def begin(self, job: Job) -> Job:
        """Note that the attempt was handed to a seat: from here on its loss is a failure."""
        return self._mine(job, Change({"begun_attempt": job.attempt}), seen=job)

    def commit(self, job: Job, result: Result, key: str) -> Job:
        """`running` → `succeeded`: the one write that makes the result under `key` true.

        Raises Overtaken or AlreadyEnded; a job that already shows this very result is success.
        """
        now = self._clock()
        change = ending(job, State.SUCCEEDED, None, self._lives, now).setting(
            {"result": result.model_dump(mode="json"), "result_key": key}
        )
        try:
            return self._mine(job, change, seen=job)
        except AlreadyEnded as race:
            if race.job.result_key == key:
                return race.job
            raise

    def fail(self, job: Job, error: JobError) -> Job:
        """`running` → `failed`, for good."""
        return self._mine(job, self._failing(job, error))

    def retry(self, job: Job, code: str) -> Job:
        """Count a failure: `running` → `queued`, or → `failed` where it was the last one allowed.

        Of what failed the client is told the code alone: what an engine says may be about the host.
        """
        failures = job.failures + 1
        if failures >= MAX_FAILURES:
            return self._mine(job, self._failing(job, _exhausted(code)).setting({"failures": failures}))
        return self._mine(job, self._back(job, {"failures": failures}))

    def put_back(self, job: Job) -> Job:
        """`running` → `queued`, at no cost to the job."""
        return self._mine(job, self._back(job, {}))

    def _claim_over(self, job: Job) -> Job:
        if job.ended:
            raise AlreadyEnded(job)
        if not self._dead(job):
            raise NotClaimable(job)
        seen = Attr("state").eq(job.state) & Attr("attempt").eq(job.attempt) & Attr("claim_until").eq(job.claim_until)
        try:
            claimed = self._table.update(job.id, self._lost(job), seen)
        except LostRace as race:
            raise (AlreadyEnded if race.job.ended else NotClaimable)(race.job) from None
        _tell_taken_over(job, claimed)
        if claimed.ended:
            raise AlreadyEnded(claimed)
        return claimed

    def _lost(self, job: Job) -> Change:
        begun = job.begun_attempt == job.attempt
        failures, lost = job.failures + begun, job.lost_claims + (not begun)
        counted: dict[str, JsonValue] = {"failures": failures, "lost_claims": lost}
        change = self._claimed()
        if failures >= MAX_FAILURES or lost >= MAX_LOST_CLAIMS:
            change = self._failing(job, _exhausted("worker_died"))
        return change.setting(counted)

    def _failing(self, job: Job, error: JobError) -> Change:
        return ending(job, State.FAILED, error, self._lives, self._clock())

    def _dead(self, job: Job) -> bool:
        return (
            job.state is State.RUNNING
            and job.claim_until is not None
            and self._clock() >= job.claim_until + GRACE_SECONDS
        )

    def _claimed(self) -> Change:
        now = self._clock()
        return Change(
            {
                "state": State.RUNNING,
                "times.running": now,
                "host": self._host,
                "claim_until": now + CLAIM_SECONDS,
                "check_at": now + CLAIMED_CHECK_SECONDS,
            },
            add={"attempt": 1},
        )

    def _back(self, job: Job, counted: dict[str, JsonValue]) -> Change:
        """Put back again and again, it is due all the same once it is out of time."""
        now = self._clock()
        values = {
            "state": State.QUEUED,
            "times.queued": now,
            "check_at": min(now + FIRST_CHECK_SECONDS, job.run_deadline or math.inf),
            **counted,
        }
        return Change(values, remove=("claim_until", "host"))

    def _mine(self, job: Job, change: Change, seen: Job | None = None) -> Job:
        mine: ConditionBase = Attr("state").eq(State.RUNNING) & Attr("attempt").eq(job.attempt)
        try:
            return self._table.update(job.id, change, mine, seen=seen)
        except LostRace as race:
            raise (AlreadyEnded if race.job.ended else Overtaken)(race.job) from None


def _tell_taken_over(before: Job, claimed: Job) -> None:
    """Who lost it is told by who has it now: a host that died tells nothing."""
    with logs.about(claimed):
        log.warning(
            "taken_over",
            lost_by=before.host,
            lost_attempt=before.attempt,
            begun=before.begun_attempt == before.attempt,
            failures=claimed.failures,
            lost_claims=claimed.lost_claims,
            state=claimed.state,
        )


def _exhausted(code: str) -> JobError:
    return JobError(
        category=ErrorCategory.SERVICE,
        code="attempts_exhausted",
        message=f"Given up after several attempts; the last one ended with `{code}`. The audio is kept for replay.",
    )
