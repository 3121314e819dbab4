"""The jobs as their owners and the service drive them: created, started, ended before or without a score."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr
from pydantic import JsonValue

from shared import batch_counts, items, transactions
from shared.change import Change
from shared.errors import AlreadyEnded, KeyReused, LostRace, NotAwaitingUpload, UnknownJob
from shared.job import ErrorCategory, Job, JobError, Role, WaitsFor
from shared.job_table import JobTable, ended_key, job_key, new_op
from shared.limits import Quota
from shared.lives import HOUR, LIVES, MOST_UPLOAD_SECONDS, RUN_SECONDS, Lives
from shared.quotas import Spending, why_refused
from shared.states import ENDS, State
from shared.transactions import Cancelled

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase
    from types_boto3_dynamodb.type_defs import DeleteTypeDef, TransactWriteItemTypeDef, UpdateTypeDef

    from shared.once import Once

Clock = Callable[[], float]

SEND_SECONDS = 10  # how long after `queued` its message may take to be sent
FIRST_CHECK_SECONDS = 15 * 60  # how long a message may take before another one is sent
LANES_WAITS = 3  # times the wait that its lane expects: so long, too
MOST_DOUBLINGS = 8

# New jobs of a batch: each two actions, beside them three of quotas and one a shard of the counts. A transaction takes
# 100, and 4 MB: so many jobs with the longest labels and metadata have 3 (DynamoDB API Reference, TransactWriteItems).
TOGETHER = 25


def patience(expected_wait: float) -> float:
    """How long a message may take before another one is sent, in a lane that expects such a wait; in seconds."""
    return max(FIRST_CHECK_SECONDS, LANES_WAITS * expected_wait)


def ending(job: Job, state: State, error: JobError | None, lives: Lives, now: float) -> Change:
    """What every end writes: state, error and life. It is due once more, when its audio is to go."""
    values: dict[str, JsonValue] = {
        "state": state,
        f"times.{state}": now,
        "pending": ended_key(job.id),
        "check_at": lives.audio_until(now, error),
        "expires_at": lives.expires_at(now, error, in_batch=job.batch is not None),
    }
    if error:
        values["error"] = error.model_dump(mode="json", exclude_none=True)
    return Change(values, remove=("claim_until", "waits_for"))


class Jobs:
    """The owner's and the service's half of the store; the worker's half is `shared.claims`."""

    def __init__(self, table: JobTable, clock: Clock = time.time, lives: Lives = LIVES) -> None:
        self._table = table
        self._lives = lives
        self._clock = clock

    def get(self, job_id: str) -> Job:
        """The job, read consistently. Raises UnknownJob."""
        return self._table.get(job_id)

    def create(self, job: Job, once: Once | None = None, spendings: Sequence[Spending] = ()) -> Job:
        """Store a new job; with a key used before for the same body, the job that it made then, at no cost.

        Raises KeyReused where the key came with another body, UnknownJob where that job is gone, QuotaExceeded.
        """
        job = self._new(job, once)
        actions: list[TransactWriteItemTypeDef] = [{"Put": self._table.new_item(job)}]
        actions += [{"Update": spending.action} for spending in spendings]
        if job.batch:
            actions += [{"Update": count} for count in batch_counts.added(self._table, [job])]
        if once:
            actions.append({"Put": once.put(self._table, job.id, self._clock())})
        try:
            transactions.write(self._table, actions)
        except Cancelled as cancelled:
            return self._not_created(job, once, spendings, cancelled)
        return job

    def create_together(self, new: Sequence[tuple[Job, Once]], spendings: Sequence[Spending] = ()) -> list[Job]:
        """Store new jobs of one batch, all of them in one write or none. A transaction takes `TOGETHER` of them.

        Raises KeyReused where two of them have one key, Cancelled where a key was used before or a quota has no room
        for all: `create` tells of each what it is.
        """
        keys = Counter(once.partition for _, once in new)
        if twice := [key for key, count in keys.items() if count > 1]:
            raise KeyReused(twice[0])  # a transaction writes no item twice
        jobs = [self._new(job, once) for job, once in new]
        actions: list[TransactWriteItemTypeDef] = [{"Put": self._table.new_item(job)} for job in jobs]
        actions += [{"Put": once.put(self._table, job.id, self._clock())} for job, once in new]
        actions += [{"Update": spending.action} for spending in spendings]
        actions += [{"Update": count} for count in batch_counts.added(self._table, jobs)]
        transactions.write(self._table, actions)
        return jobs

    def _new(self, job: Job, once: Once | None) -> Job:
        first_check = min(self._clock() + FIRST_CHECK_SECONDS, job.upload_deadline)
        held = once.partition if once and not once.outlives else None
        return job.model_copy(update={"check_at": first_check, "once": held, "last_op": new_op()})

    def made_by(self, once: Once) -> Job | None:
        """The job that this key made, None where it was not used. Raises KeyReused, and UnknownJob where it is gone."""
        item = once.held(self._table, self._clock())
        return self._table.get(once.made(item)) if item else None

    def _not_created(self, job: Job, once: Once | None, spendings: Sequence[Spending], cancelled: Cancelled) -> Job:
        stands = cancelled.reasons[0]
        if stands and stands.item and stands.item["last_op"] == job.last_op:
            return job  # it was this very write
        used = cancelled.reasons[-1]
        if once and used and used.item:
            return self._table.get(once.made(used.item))
        raise why_refused(cancelled, spendings) from None

    def queue(self, job: Job, etags: dict[Role, str], spendings: Sequence[Spending] = ()) -> Job:
        """`awaiting_upload` → `queued`, with the ETags of the files that were checked.

        Raises NotAwaitingUpload, and QuotaExceeded where one of the spendings is too much.
        """
        now = self._clock()
        change = Change(
            {
                "state": State.QUEUED,
                "times.queued": now,
                "run_deadline": now + RUN_SECONDS,
                "check_at": now + SEND_SECONDS,
                **{f"{role}.etag": etag for role, etag in etags.items()},
            },
            remove=("waits_for",),
        )
        try:
            return self._leave_awaiting(job, change, [spending.action for spending in spendings])
        except Cancelled as cancelled:
            raise why_refused(cancelled, spendings) from None

    def sent(self, job: Job, expected_wait: float = 0) -> None:
        """Note that a message for a job was sent. One that was claimed meanwhile needs no note.

        Another one is due when `patience` is over, twice as long each time, and its deadline is never overlooked.
        """
        wait = patience(expected_wait) * 2 ** min(job.sends, MOST_DOUBLINGS)
        check_at = min(self._clock() + wait, job.run_deadline or math.inf)
        with suppress(LostRace, UnknownJob):
            self._table.update(job.id, Change({"check_at": check_at, "sends": job.sends + 1}), _as_seen(job))

    def unsent(self, job: Job) -> bool:
        """Whether a queued job's message is overdue: its sending failed, or it was lost. Another one does no harm."""
        return job.state is State.QUEUED and job.check_at is not None and job.check_at <= self._clock()

    def refuse(self, job: Job, error: JobError) -> Job:
        """`awaiting_upload` → `failed`, for what its files are. Raises NotAwaitingUpload."""
        return self._leave_awaiting(job, self._ending(job, State.FAILED, error))

    def expire(self, job: Job) -> Job:
        """`awaiting_upload` → `expired`. Raises NotAwaitingUpload."""
        why = "a file did not arrive, or it waited for its start call or its batch's"
        if job.waits_for:
            why = f"the quota {job.waits_for.quota} was used up"
        message = f"It was not started in time: {why}. Create a new job."
        error = JobError(category=ErrorCategory.EXPIRED, code="upload_deadline", message=message)
        return self._leave_awaiting(job, self._ending(job, State.EXPIRED, error))

    def cancel(self, job: Job) -> Job:
        """Any state that is no end → `cancelled`. Raises AlreadyEnded."""
        error = JobError(category=ErrorCategory.CANCELLED, code="cancelled", message="Cancelled by its owner.")
        change = self._ending(job, State.CANCELLED, error)
        try:
            return self._table.update(job.id, change, ~Attr("state").is_in([*ENDS]))
        except LostRace as race:
            raise AlreadyEnded(race.job) from None

    def delete(self, job: Job) -> None:
        """Take an ended job out of the table; what is stored of it goes after it. Raises LostRace where it has not."""
        removal: DeleteTypeDef = {
            "TableName": self._table.name,
            "Key": items.pack(job_key(job.id)),
            "ConditionExpression": "attribute_exists(expires_at)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        actions: list[TransactWriteItemTypeDef] = [{"Delete": removal}]
        if job.batch:
            actions.append({"Update": batch_counts.deleted(self._table, job)})
        try:
            transactions.write(self._table, actions)
        except Cancelled as cancelled:
            stands = cancelled.reasons[0]
            if stands and stands.item:
                raise LostRace(Job.model_validate(stands.item)) from None

    def overdue(self, job: Job) -> Job:
        """`queued`, or `running` with a dead claim → `failed`, for its time is out. Raises LostRace."""
        error = JobError(
            category=ErrorCategory.SERVICE,
            code="run_deadline",
            message="The service did not come to it in time. Its audio is kept for replay.",
        )
        return self._fail_as_seen(job, error)

    def stuck(self, job: Job) -> Job:
        """`queued` → `failed`: its messages come to nothing. Raises LostRace."""
        error = JobError(
            category=ErrorCategory.SERVICE,
            code="undeliverable",
            message="No worker could take it up, however often it was offered. Its audio is kept for replay.",
        )
        return self._fail_as_seen(job, error)

    def check_in(self, job: Job, seconds: float) -> Job:
        """Have the reconciler look at the job again then, if nobody wrote it since; the job as it then is."""
        change = Change({"check_at": self._clock() + seconds})
        try:
            return self._table.update(job.id, change, _as_seen(job))
        except LostRace as race:
            return race.job

    def put_off(self, job: Job, quota: Quota, resets_at: float) -> Job:
        """Note which quota its start waits for, to be tried again once that begins anew; the job as it then is.

        Its deadline waits too, no longer than MOST_UPLOAD_SECONDS from its creation.
        """
        latest = job.times[State.AWAITING_UPLOAD] + MOST_UPLOAD_SECONDS
        deadline = max(job.upload_deadline, min(resets_at + HOUR, latest))
        waits_for = WaitsFor(quota=quota, resets_at=resets_at)
        change = Change(
            {
                "waits_for": waits_for.model_dump(mode="json"),
                "upload_deadline": deadline,
                "check_at": min(resets_at, deadline),
            }
        )
        try:
            return self._table.update(job.id, change, _as_seen(job))
        except LostRace as race:
            return race.job

    def settled(self, job: Job, expires_at: int) -> None:
        """Nothing is due of an ended job any more: its audio has gone, and its life is known for good."""
        change = Change({"expires_at": expires_at}, remove=("pending", "check_at"))
        with suppress(LostRace, UnknownJob):
            self._table.update(job.id, change, _as_seen(job))

    def _fail_as_seen(self, job: Job, error: JobError) -> Job:
        return self._table.update(job.id, self._ending(job, State.FAILED, error), _as_seen(job))

    def _ending(self, job: Job, state: State, error: JobError) -> Change:
        return ending(job, state, error, self._lives, self._clock())

    def _leave_awaiting(self, job: Job, change: Change, beside: Sequence[UpdateTypeDef] = ()) -> Job:
        try:
            return self._table.update(job.id, change, Attr("state").eq(State.AWAITING_UPLOAD), beside)
        except LostRace as race:
            raise NotAwaitingUpload(race.job) from None


def _as_seen(job: Job) -> ConditionBase:
    return Attr("last_op").eq(job.last_op)
