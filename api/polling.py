"""Polling that behaves: how long to wait, and a guard against those who do not, on an item of its own."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from api.problem_kinds import Kind
from api.problems import Problem
from shared import items
from shared.batches import BatchState
from shared.hosts import TELL_SECONDS
from shared.states import State

if TYPE_CHECKING:
    from pydantic import JsonValue

    from shared.batches import Batch
    from shared.job import Job
    from shared.job_table import JobTable

MIN_SECONDS, MAX_SECONDS = 1, 60
EARLY_POLLS = 2  # so many within one interval are let pass; the next is 429
GUARD_LIFE_SECONDS = 60 * 60


def retry_after(job: Job, eta_seconds: float | None) -> int:
    """Whole seconds to wait before the next poll: a quarter of what is left, from 1 to 60.

    Where that cannot be told: until its quota begins anew, 60 at most, for a job that waits for that; at once for one
    that waits for its owner, who knows when it moves on; else as often as hosts tell of themselves.
    """
    if job.waits_for:
        return _clamped(job.waits_for.resets_at - time.time())
    if eta_seconds is None:
        return MIN_SECONDS if job.state is State.AWAITING_UPLOAD else math.ceil(TELL_SECONDS)
    return _clamped(eta_seconds / 4)


def of_batch(batch: Batch, eta_seconds: float | None) -> dict[str, str]:
    """`Retry-After` likewise, for a batch; none where nothing is to come but from its owner: it is open, or its results
    are there.
    """
    if batch.state is BatchState.OPEN or batch.results:
        return {}
    seconds = math.ceil(TELL_SECONDS) if eta_seconds is None else _clamped(eta_seconds / 4)
    return {"Retry-After": str(seconds)}


def _clamped(seconds: float) -> int:
    return math.ceil(min(max(seconds, MIN_SECONDS), MAX_SECONDS))


def guard(table: JobTable, job_id: str, seconds: int) -> int:
    """Note a poll whose answer says to wait `seconds`; the seconds to answer. Raises a 429 Problem.

    A poll before the last interval is over is early. It is told the rest of that interval.
    """
    now = time.time()
    early = _early(table, job_id, now)
    if early is None:
        _new_interval(table, job_id, now, seconds)
        return seconds
    polls, left = early
    if polls > EARLY_POLLS:
        raise Problem(
            Kind.POLLING_TOO_FAST,
            f"This job was asked for {polls} times before its Retry-After was over. Wait {left} s.",
            headers={"Retry-After": str(left)},
        )
    return left


def _early(table: JobTable, job_id: str, now: float) -> tuple[int, int] | None:
    try:
        response = table.client.update_item(
            TableName=table.name,
            Key=items.pack(_key(job_id)),
            UpdateExpression="ADD early :one",
            ConditionExpression="next_poll > :now",
            ExpressionAttributeValues=items.pack({":one": 1, ":now": now}),
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return None
    poll = items.unpack(response["Attributes"])
    return int(str(poll["early"])), math.ceil(float(str(poll["next_poll"])) - now)


def _new_interval(table: JobTable, job_id: str, now: float, seconds: int) -> None:
    item: dict[str, JsonValue] = {
        **_key(job_id),
        "early": 0,
        "next_poll": now + seconds,
        "expires_at": int(now) + GUARD_LIFE_SECONDS,
    }
    table.client.put_item(TableName=table.name, Item=items.pack(item))


def _key(job_id: str) -> dict[str, JsonValue]:
    return {"pk": f"JOB#{job_id}", "sk": "POLL"}
