"""The table that jobs live in: reads, and the one kind of write there is, a conditional one.

A failed condition is not believed by itself. A response can be lost after its write was applied, and the retry then
loses against itself. So each write leaves a random `last_op`, asks for the old item on failure, and takes an old item
that already shows this `last_op` for success.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from boto3.dynamodb.conditions import Attr, ConditionBase
from botocore.exceptions import ClientError
from pydantic import JsonValue

from shared import batch_counts, items, transactions
from shared.change import Change, expressions
from shared.errors import LostRace, UnknownJob
from shared.job import Job
from shared.resources import PENDING_SHARDS
from shared.transactions import Cancelled

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.literals import ReturnValueType
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutTypeDef, UpdateTypeDef

R = TypeVar("R")


class Attempts(Protocol):
    """Who retries a call. The call carries its `last_op`, so that repeating it is harmless."""

    def __call__(self, call: Callable[[], R]) -> R:
        """Make the call, again where it failed and that may pass."""


def once(call: Callable[[], R]) -> R:
    """Leave retries to the client's own configuration."""
    return call()


def job_key(job_id: str) -> dict[str, JsonValue]:
    """The key of a job's item."""
    return {"pk": f"JOB#{job_id}", "sk": "JOB"}


def pending_key(job_id: str) -> str:
    """The partition of the sparse index `pending` that a job, or a batch, is listed in until it ends."""
    return f"P#{_shard(job_id)}"


def ended_key(job_id: str) -> str:
    """The partition that it is listed in from its end until its audio has gone."""
    return f"E#{_shard(job_id)}"


def pending_partitions() -> list[str]:
    """All partitions that jobs and batches are listed in until they end."""
    return [f"P#{shard:02d}" for shard in range(PENDING_SHARDS)]


def ended_partitions() -> list[str]:
    """All partitions that ended jobs are listed in."""
    return [f"E#{shard:02d}" for shard in range(PENDING_SHARDS)]


def _shard(job_id: str) -> str:
    return f"{int(job_id[:4], 16) % PENDING_SHARDS:02d}"


class JobTable:
    """Job items, read consistently and written conditionally."""

    def __init__(self, client: DynamoDBClient, name: str, attempts: Attempts = once) -> None:
        self.client = client
        self.name = name
        self.attempts = attempts

    def get(self, job_id: str) -> Job:
        """The job, read consistently. Raises UnknownJob."""
        item = self.read(job_key(job_id))
        if item is None:
            raise UnknownJob(job_id)
        return Job.model_validate(item)

    def read(self, key: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
        """Any item of the table, read consistently, or None."""
        response = self.attempts(
            lambda: self.client.get_item(TableName=self.name, Key=items.pack(key), ConsistentRead=True)
        )
        return items.unpack(response["Item"]) if "Item" in response else None

    def update(
        self,
        job_id: str,
        change: Change,
        condition: ConditionBase,
        beside: Sequence[UpdateTypeDef] = (),
        seen: Job | None = None,
    ) -> Job:
        """Change a job that exists and meets the condition, and what is beside it; the job as it then is.

        Given the job as it was `seen`, the item is not read back, for a result is long: what is returned is that job,
        changed.

        A transition of a batch's job is counted in the same transaction. Raises UnknownJob, LostRace with the job as it
        stands, or Cancelled where a condition of `beside` failed: its actions count from 1. Repeating an applied write
        is success.
        """
        if beside:
            return self._update_together(self.get(job_id), change, condition, beside)
        if "state" not in change.values:
            return self._update(job_id, change, condition, seen)
        try:
            return self._update(job_id, change, condition & Attr("batch").not_exists(), seen)
        except LostRace as race:
            if race.job.batch is None:
                raise
            return self._update_together(race.job, change, condition, ())

    def _update(self, job_id: str, change: Change, condition: ConditionBase, seen: Job | None) -> Job:
        last_op = new_op()
        marked = change.setting({"last_op": last_op})
        update = self._call(job_id, marked, condition)
        told: ReturnValueType = "NONE" if seen else "ALL_NEW"
        try:
            response = self.attempts(lambda: self.client.update_item(**update, ReturnValues=told))
        except ClientError as error:
            return _judge(job_id, old_item(error), last_op)
        return marked.applied(seen) if seen else Job.model_validate(items.unpack(response["Attributes"]))

    def _update_together(
        self, seen: Job, change: Change, condition: ConditionBase, beside: Sequence[UpdateTypeDef]
    ) -> Job:
        """As `_update`, from the very item that was `seen`: a batch's counts are to know what the job leaves."""
        marked = change.setting({"last_op": new_op()})
        while True:
            after = marked.applied(seen)
            update = self._call(seen.id, marked, condition & Attr("last_op").eq(seen.last_op))
            counts = [batch_counts.moved(self, seen, after)] if seen.batch else []
            try:
                transactions.write(self, [{"Update": action} for action in (update, *beside, *counts)])
            except Cancelled as cancelled:
                if cancelled.reasons[0] is None:
                    raise
                seen = _seen_anew(seen, cancelled.reasons[0].item, str(after.last_op))
                if seen.last_op == after.last_op:
                    return seen
            else:
                return after

    def _call(self, job_id: str, change: Change, condition: ConditionBase) -> UpdateTypeDef:
        return {
            "TableName": self.name,
            "Key": items.pack(job_key(job_id)),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions(change, Attr("pk").exists() & condition),
        }

    def new_item(self, job: Job) -> PutTypeDef:
        """The put of a job that must not exist yet, listed in the indexes."""
        listed_at = f"{job.times[job.state]:017.6f}#{job.id}"
        item: dict[str, JsonValue] = {
            **job_key(job.id),
            **job.model_dump(mode="json", exclude_none=True),
            "listed_at": listed_at,
            "pending": pending_key(job.id),
        }
        return {
            "TableName": self.name,
            "Item": items.pack(item),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def new_op() -> str:
    """A mark that one write leaves, to know itself by."""
    return secrets.token_hex(16)


def old_item(error: ClientError) -> dict[str, JsonValue] | None:
    """The item that failed a condition, or None where there was none. Re-raises every other error."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    item = cast("Mapping[str, AttributeValueTypeDef] | None", error.response.get("Item"))
    return items.unpack(item) if item else None


def _judge(job_id: str, old: Mapping[str, JsonValue] | None, last_op: str) -> Job:
    """The item that failed a condition: the job where the write was applied all the same. Else raises."""
    if not old:
        raise UnknownJob(job_id)
    job = Job.model_validate(old)
    if job.last_op != last_op:
        raise LostRace(job)
    return job


def _seen_anew(seen: Job, old: Mapping[str, JsonValue] | None, last_op: str) -> Job:
    """The job as somebody wrote it meanwhile, perhaps nothing that matters here. Raises LostRace where nobody did."""
    try:
        return _judge(seen.id, old, last_op)
    except LostRace as race:
        if race.job.last_op == seen.last_op:
            raise
        return race.job
