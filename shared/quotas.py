"""Quotas by tenant: what it may ask for in a day (UTC) and have in flight, counted in the writes that spend them.

A day's counts are `TENANT#<id>` / `DAY#<date>#<quota>`, what is in flight is `TENANT#<id>` / `IN_FLIGHT`: an item each,
for a transaction takes an item once (DynamoDB API Reference, TransactWriteItems), and may spend several.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared import items, transactions
from shared.limits import Limits, Quota
from shared.transactions import Cancelled

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

    from shared.job import Job
    from shared.job_table import JobTable

DAY = 24 * 60 * 60
USAGE_LIFE_SECONDS = 400 * DAY  # for the owner's accounts
MARK_LIFE_SECONDS = 7 * DAY  # a stream keeps its records for one: DynamoDB Developer Guide, "DynamoDB Streams"


class QuotaExceeded(Exception):
    """A quota is used up. `resets_at` is when a day's quota begins anew, None where jobs must end first."""

    def __init__(self, quota: Quota, limit: int, resets_at: float | None) -> None:
        super().__init__(f"{quota} of {limit}")
        self.quota = quota
        self.limit = limit
        self.resets_at = resets_at


@dataclass(frozen=True)
class Spending:
    """One quota that a write spends: the update that counts it, and what is said where it is used up."""

    action: UpdateTypeDef
    exceeded: QuotaExceeded


def of_new_jobs(table: JobTable, tenant: str, limits: Limits, now: float, count: int = 1) -> list[Spending]:
    """What creating so many jobs spends."""
    return [
        _a_day(table, tenant, Quota.JOBS_PER_DAY, count, limits.jobs_per_day, now),
        _spending(table, _in_flight_key(tenant), count, QuotaExceeded(Quota.IN_FLIGHT, limits.in_flight, None)),
    ]


def of_upload(table: JobTable, tenant: str, bytes_: int, limits: Limits, now: float) -> list[Spending]:
    """What so many bytes of files spend: nothing, where there are none."""
    return [] if bytes_ == 0 else [_a_day(table, tenant, Quota.BYTES_PER_DAY, bytes_, limits.bytes_per_day, now)]


def why_refused(cancelled: Cancelled, spendings: Sequence[Spending]) -> Exception:
    """The quota for which a transaction was refused, whose actions from 1 on are these; else the refusal itself."""
    for number, spending in enumerate(spendings, 1):
        if cancelled.reasons[number]:
            return spending.exceeded
    return cancelled


def release(table: JobTable, job: Job, now: float) -> None:
    """A job has ended: it is in flight no more. Again is harmless, for as long as the stream may tell of it again.

    A replay never was: it is the operator's, and costs its tenant nothing.
    """
    if job.replay_of:
        return
    mark: dict[str, JsonValue] = {"pk": f"JOB#{job.id}", "sk": "RELEASED", "expires_at": int(now) + MARK_LIFE_SECONDS}
    actions: list[TransactWriteItemTypeDef] = [
        {"Put": {"TableName": table.name, "Item": items.pack(mark), "ConditionExpression": "attribute_not_exists(pk)"}},
        {
            "Update": {
                "TableName": table.name,
                "Key": items.pack(_in_flight_key(job.tenant)),
                "UpdateExpression": f"ADD {Quota.IN_FLIGHT} :less",
                "ExpressionAttributeValues": items.pack({":less": -1}),
            }
        },
    ]
    try:
        transactions.write(table, actions)
    except Cancelled:
        return


def used(table: JobTable, tenant: str, now: float | None = None) -> dict[Quota, int]:
    """What a tenant has used: of today's quotas, and in flight."""
    now = time.time() if now is None else now
    keys = {quota: _day_key(tenant, quota, now) for quota in (Quota.JOBS_PER_DAY, Quota.BYTES_PER_DAY)}
    keys[Quota.IN_FLIGHT] = _in_flight_key(tenant)
    return {quota: _number((table.read(key) or {}).get(quota)) for quota, key in keys.items()}


def _a_day(table: JobTable, tenant: str, quota: Quota, amount: int, limit: int, now: float) -> Spending:
    tomorrow = math.floor(now / DAY + 1) * DAY
    expires_at = {"expires_at": tomorrow + USAGE_LIFE_SECONDS}
    return _spending(table, _day_key(tenant, quota, now), amount, QuotaExceeded(quota, limit, tomorrow), expires_at)


def _spending(
    table: JobTable,
    key: dict[str, JsonValue],
    amount: int,
    exceeded: QuotaExceeded,
    also: Mapping[str, JsonValue] | None = None,
) -> Spending:
    """Where the amount alone is too much, it is refused by the write too: a repeat of what was done costs nothing."""
    room = exceeded.limit - amount
    is_first = "attribute_not_exists(#quota) OR " if room >= 0 else ""
    also = also or {}
    action: UpdateTypeDef = {
        "TableName": table.name,
        "Key": items.pack(key),
        "UpdateExpression": "ADD #quota :amount" + "".join(f" SET {name} = :{name}" for name in also),
        "ConditionExpression": f"{is_first}#quota <= :room",
        "ExpressionAttributeNames": {"#quota": str(exceeded.quota)},
        "ExpressionAttributeValues": items.pack(
            {":amount": amount, ":room": room, **{f":{name}": value for name, value in also.items()}}
        ),
    }
    return Spending(action, exceeded)


def _day_key(tenant: str, quota: Quota, now: float) -> dict[str, JsonValue]:
    return {"pk": f"TENANT#{tenant}", "sk": f"DAY#{datetime.fromtimestamp(now, UTC):%Y-%m-%d}#{quota}"}


def _in_flight_key(tenant: str) -> dict[str, JsonValue]:
    return {"pk": f"TENANT#{tenant}", "sk": "IN_FLIGHT"}


def _number(value: JsonValue) -> int:
    return int(value) if isinstance(value, int | float) else 0
