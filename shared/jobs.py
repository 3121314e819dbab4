"""The jobs as their owners and the service drive them: created, started, ended before or without a score."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from pydantic import JsonValue

from shared import items
from shared.errors import AlreadyEnded, IdempotencyMismatch, LostRace, NotAwaitingUpload, UnknownJob
from shared.job import ErrorCategory, Job, JobError, Role
from shared.job_table import Change, JobTable, new_op, old_item
from shared.lives import RUN_SECONDS, job_expires_at
from shared.resources import DAY
from shared.states import ENDS, State

Clock = Callable[[], float]

SEND_SECONDS = 10  # how long after `queued` its message may take to be sent
FIRST_CHECK_SECONDS = 15 * 60  # how long a message may take before another one is sent
IDEMPOTENCY_SECONDS = 30 * DAY  # longer than any job lives


@dataclass(frozen=True)
class IdempotencyKey:
    """What a creating call is known by, and a hash of what it asked for."""

    tenant: str
    key_hash: str
    body_hash: str

    @property
    def item_key(self) -> dict[str, JsonValue]:
        """The key of its item."""
        return {"pk": f"IDEM#{self.tenant}#{self.key_hash}", "sk": "IDEM"}


def ending(error: JobError | None, state: State, now: float) -> Change:
    """What every end without a result writes: state, error and life; the job leaves the sparse index."""
    values: dict[str, JsonValue] = {
        "state": state,
        f"times.{state}": now,
        "error": error.model_dump(mode="json", exclude_none=True) if error else None,
        "expires_at": job_expires_at(now),
    }
    return Change(values, remove=("pending", "check_at", "claim_until"))


class Jobs:
    """The owner's and the service's half of the store; the worker's half is `shared.claims`."""

    def __init__(self, table: JobTable, clock: Clock = time.time) -> None:
        self._table = table
        self._clock = clock

    def get(self, job_id: str) -> Job:
        """The job, read consistently. Raises UnknownJob."""
        return self._table.get(job_id)

    def create(self, job: Job, key: IdempotencyKey | None = None) -> Job:
        """Store a new job; with a key used before for the same body, the job that it made then.

        Raises IdempotencyMismatch where the key came with another body, UnknownJob where that job is gone.
        """
        job = job.model_copy(update={"check_at": job.upload_deadline})
        if key is None:
            return self._put(job)
        try:
            return self._put_once(job, key)
        except ClientError as error:
            return self._made_before(key, error)

    def queue(self, job_id: str, etags: dict[Role, str]) -> Job:
        """`awaiting_upload` → `queued`, with the ETags of the files that were checked. Raises NotAwaitingUpload."""
        now = self._clock()
        change = Change(
            {
                "state": State.QUEUED,
                "times.queued": now,
                "run_deadline": now + RUN_SECONDS,
                "check_at": now + SEND_SECONDS,
                **{f"{role}.etag": etag for role, etag in etags.items()},
            }
        )
        return self._leave_awaiting(job_id, change)

    def sent(self, job: Job) -> None:
        """Note that a message for a queued job was sent. One that was claimed meanwhile needs no note."""
        change = Change({"check_at": self._clock() + FIRST_CHECK_SECONDS})
        with suppress(LostRace, UnknownJob):
            self._table.update(job.id, change, Attr("state").eq(State.QUEUED) & Attr("attempt").eq(job.attempt))

    def unsent(self, job: Job) -> bool:
        """Whether a queued job's message is overdue: its sending failed, or it was lost. Another one does no harm."""
        return job.state is State.QUEUED and job.check_at is not None and job.check_at <= self._clock()

    def refuse(self, job_id: str, error: JobError) -> Job:
        """`awaiting_upload` → `failed`, for what its files are. Raises NotAwaitingUpload."""
        return self._leave_awaiting(job_id, ending(error, State.FAILED, self._clock()))

    def expire(self, job_id: str) -> Job:
        """`awaiting_upload` → `expired`. Raises NotAwaitingUpload."""
        error = JobError(
            category=ErrorCategory.EXPIRED,
            code="upload_deadline",
            message="The files did not arrive in time. Create a new job and upload both.",
        )
        return self._leave_awaiting(job_id, ending(error, State.EXPIRED, self._clock()))

    def cancel(self, job_id: str) -> Job:
        """Any state that is no end → `cancelled`. Raises AlreadyEnded."""
        error = JobError(category=ErrorCategory.CANCELLED, code="cancelled", message="Cancelled by its owner.")
        change = ending(error, State.CANCELLED, self._clock())
        try:
            return self._table.update(job_id, change, ~Attr("state").is_in([*ENDS]))
        except LostRace as race:
            raise AlreadyEnded(race.job) from None

    def _leave_awaiting(self, job_id: str, change: Change) -> Job:
        try:
            return self._table.update(job_id, change, Attr("state").eq(State.AWAITING_UPLOAD))
        except LostRace as race:
            raise NotAwaitingUpload(race.job) from None

    def _put(self, job: Job) -> Job:
        put = self._table.new_item(job)
        try:
            self._table.attempts(lambda: self._table.client.put_item(**put))
        except ClientError as error:
            old = old_item(error) or {}
            if old.get("last_op") != put["Item"]["last_op"]:
                raise
        return job

    def _put_once(self, job: Job, key: IdempotencyKey) -> Job:
        table, now, token = self._table, self._clock(), new_op()
        record = items.pack(
            {
                **key.item_key,
                "job": job.id,
                "body_hash": key.body_hash,
                "expires_at": int(now) + IDEMPOTENCY_SECONDS,
            }
        )
        put = table.new_item(job)
        table.attempts(
            lambda: table.client.transact_write_items(
                ClientRequestToken=token,
                TransactItems=[
                    {"Put": put},
                    {
                        "Put": {
                            "TableName": table.name,
                            "Item": record,
                            "ConditionExpression": "attribute_not_exists(pk) OR expires_at < :now",
                            "ExpressionAttributeValues": items.pack({":now": int(now)}),
                        }
                    },
                ],
            )
        )
        return job

    def _made_before(self, key: IdempotencyKey, error: ClientError) -> Job:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise error
        record = self._table.read(key.item_key)
        if record is None:
            raise error  # cancelled for another reason: a conflict with a parallel create, to be tried again
        if record["body_hash"] != key.body_hash:
            raise IdempotencyMismatch(key.key_hash)
        return self._table.get(str(record["job"]))
