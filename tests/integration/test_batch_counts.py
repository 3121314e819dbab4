"""The counts of a batch are exact: many jobs, answers lost at random, and each change told by several readers at once.

`pytest tests/integration/test_batch_counts.py --jobs-of-batch 1000` is the whole of it.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from api import stream_reader
from api.service import Service, service
from sandbox.function import Function, Handler
from sandbox.stream_pump import StreamPump
from shared import batch_counts, quotas
from shared.claims import Claims
from shared.job import ErrorCategory, Job, JobError
from shared.limits import Quota
from shared.object_keys import batch_results_key, result_key
from shared.states import State
from tests import functions
from tests.clock import now
from tests.cloud import Resources
from tests.functions import TENANT, Functions
from tests.jobs_for_tests import ETAGS, result
from tests.racing import together
from tests.requests import request

if TYPE_CHECKING:
    from botocore.client import BaseClient

PROCESSES = 4
READERS = 2
A_CALL = 25  # items
LOST = 0.1  # of the answers that tell of a write
WRITES = ("UpdateItem", "TransactWriteItems")
BAD = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="No speech.")

Ends = dict[str, tuple[State, float | None]]  # of a job: its state, and its MOS


@pytest.fixture
def given(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    for name, value in resources.cloud.environment.items():
        monkeypatch.setenv(name, value)
    with functions.given(resources, monkeypatch) as given:
        yield given


def lose_answers(client: BaseClient, chance: random.Random) -> None:
    """From now on, of what was written the answer may not come; botocore then sends it again."""

    def lose(attempts: int, **_: object) -> float | None:
        return 0.0 if attempts == 1 and chance.random() < LOST else None

    for operation in WRITES:
        client.meta.events.register_first(f"needs-retry.dynamodb.{operation}", lose)  # type: ignore[arg-type]


def bring_to_ends(batch: str, numbers: range) -> Ends:
    """What clients and workers do: add items, and bring each to an end, by one of several ways."""
    parts, chance = service(), random.Random(numbers.start)  # noqa: S311 - to be repeated
    lose_answers(parts.dynamodb, chance)
    ends: Ends = {}
    for first in range(numbers.start, numbers.stop, A_CALL):
        wanted = [{"custom_id": str(number)} for number in range(first, min(first + A_CALL, numbers.stop))]
        answer = request("POST", f"/v1/batches/{batch}/jobs", {"jobs": wanted})
        for item in cast("list[dict[str, Any]]", answer.body["jobs"]):
            job_id = item["job"]["id"]
            ends[job_id] = bring_to_end(parts, job_id, chance)
    return ends


def bring_to_end(parts: Service, job_id: str, chance: random.Random) -> tuple[State, float | None]:
    way = chance.choice([scored, scored, scored, scored_at_last, refused, unwanted])
    queued = parts.jobs.queue(parts.jobs.get(job_id), ETAGS)
    claims = Claims(parts.table, "host-a", now, parts.settings.lives)
    return way(claims, claims.begin(claims.claim(queued.id)), chance)


def scored(claims: Claims, job: Job, chance: random.Random) -> tuple[State, float | None]:
    mos = round(chance.uniform(1, 5), 2)
    return claims.commit(job, result(mos), result_key(job.id, job.attempt)).state, mos


def scored_at_last(claims: Claims, job: Job, chance: random.Random) -> tuple[State, float | None]:
    claims.retry(job, "odd")
    return scored(claims, claims.begin(claims.claim(job.id)), chance)


def refused(claims: Claims, job: Job, _: random.Random) -> tuple[State, float | None]:
    return claims.fail(job, BAD).state, None


def unwanted(_: Claims, job: Job, __: random.Random) -> tuple[State, float | None]:
    assert request("DELETE", f"/v1/jobs/{job.id}").status == 200
    return State.CANCELLED, None


def read_all(batch: str, jobs: int) -> Ends:
    """A stream reader, from the stream's beginning until every job has ended and all of that was told."""
    parts = service()
    reader = Function("stream-reader", cast(Handler, stream_reader.handler))
    pump = StreamPump(parts.dynamodb, boto3.client("dynamodbstreams"), parts.table.name, reader)
    while pump.turn() or batch_counts.read(parts.table, batch).ended < jobs:
        continue
    reader.stop()
    return {}


def test_counts_are_exact_whatever_is_lost_or_told_again(given: Functions, jobs_of_batch: int) -> None:
    batch = str(request("POST", "/v1/batches", {}).body["id"])
    share = -(-jobs_of_batch // PROCESSES)
    calls: list[Callable[[], Ends]] = [
        partial(bring_to_ends, batch, range(first, min(first + share, jobs_of_batch)))
        for first in range(0, jobs_of_batch, share)
    ]
    calls += [partial(read_all, batch, jobs_of_batch)] * READERS
    ends = {job_id: end for part in together(given.parts, calls) for job_id, end in part.items()}
    assert request("POST", f"/v1/batches/{batch}/start").status == 202
    given.settle()
    expect_counts(given, batch, ends)
    expect_lines(given, batch, ends)
    used = quotas.used(given.parts.table, TENANT)
    assert (used[Quota.JOBS_PER_DAY], used[Quota.IN_FLIGHT]) == (jobs_of_batch, 0)


def expect_counts(given: Functions, batch: str, ends: Ends) -> None:
    counts, scores = batch_counts.read(given.parts.table, batch), [mos for _, mos in ends.values() if mos is not None]
    (scale,) = counts.scales.values()
    assert +counts.states == Counter(state for state, _ in ends.values())
    assert scale.bins == Counter(batch_counts.bin_of(mos) for mos in scores)
    assert scale.mean == pytest.approx(sum(scores) / len(scores), abs=1e-9)


def expect_lines(given: Functions, batch: str, ends: Ends) -> None:
    key = batch_results_key(batch, "jsonl")
    body = given.parts.s3.get_object(Bucket=given.parts.settings.bucket, Key=key)["Body"].read()
    lines = [json.loads(line) for line in body.splitlines()]
    assert {line["job"]: line["state"] for line in lines} == {job_id: state for job_id, (state, _) in ends.items()}
    assert len(lines) == len(ends)
