"""Batches: jobs that are started together, counted together, and whose results come as one table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from shared import items, transactions
from shared.change import Change, expressions
from shared.job import JobId
from shared.job_table import old_item, pending_key
from shared.limits import Quota
from shared.lives import LIVES, Lives
from shared.quotas import QuotaExceeded, Spending
from shared.resources import DAY
from shared.transactions import Cancelled

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from shared.job_table import JobTable
    from shared.jobs import Clock
    from shared.limits import Limits
    from shared.once import Once

OPEN_SECONDS = 40 * DAY  # from its last job, or its start, on: all its jobs have ended long before that
CHECK_SECONDS = 5 * 60  # after the last sign of work on a batch, it is worked off anew
REWRITE_SECONDS = 60  # after a job of it was deleted: many may follow
SWEEP_SECONDS = 60 * 60  # after it was worked off to its last page
LISTED_AS_BATCH = "batch#"  # what `listed_at` begins with: in the index `by_tenant`, beside the tenant's jobs


class UnknownBatch(Exception):
    """There is no such batch: it never was, or its life is over."""


class BatchState(StrEnum):
    """Where a batch stands."""

    OPEN = "open"  # jobs may be added; none starts
    STARTED = "started"  # nothing is added any more; each job starts once its files are there
    ENDED = "ended"  # every job has ended; the results are there, or being written


class Batch(BaseModel):
    """A batch as the table holds it; its counts are beside it. Times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    id: JobId
    tenant: str
    state: BatchState = BatchState.OPEN
    times: dict[BatchState, float]
    items: int = Field(0, description="How many jobs were added.")
    label: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    results: bool = Field(False, description="Whether the results are written.")
    check_at: float | None = Field(None, description="When it is due to be looked at, should nothing move it before.")
    once: str | None = Field(None, description="The partition of the item that holds the key it was created with.")
    expires_at: int


class Batches:
    """The batches' own items, written conditionally."""

    def __init__(self, table: JobTable, clock: Clock = time.time, lives: Lives = LIVES) -> None:
        self._table = table
        self._clock = clock
        self._lives = lives

    def create(self, batch: Batch, once: Once | None = None) -> Batch:
        """Store a new batch; with a key used before for the same body, the batch that it made then.

        Raises KeyReused where the key came with another body, UnknownBatch where that batch is gone.
        """
        batch = batch.model_copy(update={"once": once.partition if once else None})
        item: dict[str, JsonValue] = {
            **batch_key(batch.id),
            **batch.model_dump(mode="json", exclude_none=True),
            "listed_at": f"{LISTED_AS_BATCH}{batch.times[BatchState.OPEN]:017.6f}#{batch.id}",
        }
        actions: list[TransactWriteItemTypeDef] = [{"Put": {"TableName": self._table.name, "Item": items.pack(item)}}]
        if once:
            actions.append({"Put": once.put(self._table, batch.id, self._clock())})
        try:
            transactions.write(self._table, actions)
        except Cancelled as cancelled:
            used = cancelled.reasons[-1]
            if once is None or used is None or used.item is None:
                raise
            return self.get(once.made(used.item))
        return batch

    def get(self, batch_id: str) -> Batch:
        """The batch, read consistently. Raises UnknownBatch."""
        item = self._table.read(batch_key(batch_id))
        if item is None:
            raise UnknownBatch(batch_id)
        return Batch.model_validate(item)

    def is_gone(self, batch_id: str) -> bool:
        """Whether there is no such batch."""
        return self._table.read(batch_key(batch_id)) is None

    def delete(self, batch: Batch) -> None:
        """Take it out of the table; what belonged to it goes after it. Again is harmless."""
        self._table.attempts(
            lambda: self._table.client.delete_item(TableName=self._table.name, Key=items.pack(batch_key(batch.id)))
        )

    def items_of(self, batch: Batch, count: int, limits: Limits) -> Spending:
        """What adding so many jobs to a batch spends, and what makes it live on; refused where it is open no more."""
        return Spending(
            {
                "TableName": self._table.name,
                "Key": items.pack(batch_key(batch.id)),
                "UpdateExpression": "ADD #items :count SET expires_at = :expires_at",
                "ConditionExpression": "#state = :open AND #items <= :room",
                "ExpressionAttributeNames": {"#items": "items", "#state": "state"},
                "ExpressionAttributeValues": items.pack(
                    {
                        ":count": count,
                        ":open": BatchState.OPEN,
                        ":room": limits.batch_items - count,
                        ":expires_at": int(self._clock()) + OPEN_SECONDS,
                    }
                ),
            },
            QuotaExceeded(Quota.BATCH_ITEMS, limits.batch_items, None),
        )

    def start(self, batch: Batch) -> Batch:
        """`open` → `started`, and due to be worked off; one that is not open is returned as it is."""
        now = self._clock()
        listed: dict[str, JsonValue] = {
            "pending": pending_key(batch.id),
            "check_at": now,
            "expires_at": int(now) + OPEN_SECONDS,
        }
        return self._move(batch, BatchState.OPEN, BatchState.STARTED, now, listed)

    def end(self, batch: Batch) -> Batch:
        """`started` → `ended`, its results due; one that is not started is returned as it is."""
        now = self._clock()
        life: dict[str, JsonValue] = {"check_at": now, "expires_at": int(now) + self._lives.batch}
        return self._move(batch, BatchState.STARTED, BatchState.ENDED, now, life)

    def take_up(self, batch: Batch) -> bool:
        """Whether a batch is due, and it is for this caller to have it worked off: for one of many at once. It is not
        due again for CHECK_SECONDS. Raises UnknownBatch.
        """
        now = self._clock()
        changed = self._set(batch.id, Change({"check_at": now + CHECK_SECONDS}), Attr("check_at").lte(now))
        return changed is not None

    def check_in(self, batch: Batch, seconds: float) -> None:
        """Have the reconciler look at it again then."""
        self._set(batch.id, Change({"check_at": self._clock() + seconds}), Attr("pending").exists())

    def finished(self, batch: Batch) -> bool:
        """Note that its results are written: nothing is due any more. False where they became due anew since it was
        read. Raises UnknownBatch.
        """
        change = Change({"results": True}, remove=("pending", "check_at"))
        return self._set(batch.id, change, Attr("check_at").eq(batch.check_at)) is not None

    def outdated(self, batch_id: str) -> None:
        """A job of it was deleted: where it has ended, its results are due anew, a minute after the last such call.

        Raises UnknownBatch.
        """
        now = self._clock()
        due: dict[str, JsonValue] = {
            "results": False,
            "pending": pending_key(batch_id),
            "check_at": now + REWRITE_SECONDS,
        }
        living = Attr("state").eq(BatchState.ENDED) & Attr("expires_at").gt(now)  # its jobs expire with it
        self._set(batch_id, Change(due), living)

    def _move(
        self, batch: Batch, before: BatchState, after: BatchState, now: float, more: Mapping[str, JsonValue]
    ) -> Batch:
        change = Change({"state": after, f"times.{after}": now, **more})
        return self._set(batch.id, change, Attr("state").eq(before)) or self.get(batch.id)

    def _set(self, batch_id: str, change: Change, condition: ConditionBase) -> Batch | None:
        """The batch as it then is, or None where it does not meet the condition. Raises UnknownBatch."""
        call = expressions(change, condition)
        try:
            response = self._table.attempts(
                lambda: self._table.client.update_item(
                    TableName=self._table.name,
                    Key=items.pack(batch_key(batch_id)),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **call,
                )
            )
        except ClientError as error:
            if old_item(error) is None:
                raise UnknownBatch(batch_id) from None
            return None
        return Batch.model_validate(items.unpack(response["Attributes"]))


def batch_of(partition: str) -> str | None:
    """The id of the batch whose partition that is; None for any other."""
    kind, _, batch_id = partition.partition("#")
    return batch_id if kind == "BATCH" else None


def batch_key(batch_id: str) -> dict[str, JsonValue]:
    """The key of a batch's item."""
    return {"pk": f"BATCH#{batch_id}", "sk": "META"}
