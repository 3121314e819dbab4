"""Races between processes: whoever wins, what is to happen once happens once, and every count is exact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest.mock import create_autospec

import pytest
from pydantic import JsonValue

from api import batch_starter, intake
from api.errands import Errand
from api.service import service
from shared import batch_counts, envelope, items, quotas
from shared.claims import Claims
from shared.job import Job, Role
from shared.limits import Quota
from shared.object_keys import upload_key
from shared.pools import Lane
from shared.resources import DAY
from shared.states import State
from shared.tenants import tenant_key
from tests import functions
from tests.clock import now
from tests.cloud import Resources
from tests.deliveries import event_of
from tests.functions import TENANT, Functions
from tests.racing import R, together
from tests.requests import request
from tests.wavs import wav
from worker.accounts import Accounts
from worker.breaker import Breaker
from worker.clock import Clock
from worker.committer import Committer
from worker.engines.engine import Description, Score
from worker.job_files import JobFiles
from worker.keeper import Keeper
from worker.messages import Messages
from worker.patience import Patience
from worker.work import Findings, Message, Scored, Work

MANY = 50
PAIRS = 12  # of processes: each pair for one job
LIMIT = 20
WAV = wav(0.5)


@pytest.fixture
def given(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    for name, value in resources.cloud.environment.items():
        monkeypatch.setenv(name, value)
    with functions.given(resources, monkeypatch) as given:
        yield given


def race(given: Functions, *calls: Callable[[], R]) -> list[R]:
    return together(given.parts, calls)


def limit(given: Functions, **limits: JsonValue) -> None:
    item = items.pack({**tenant_key(TENANT), "limits": limits})
    given.parts.dynamodb.put_item(TableName=given.parts.table.name, Item=item)


def used(given: Functions) -> dict[Quota, int]:
    return quotas.used(given.parts.table, TENANT)


def create(body: object = None, key: str | None = None) -> tuple[int, str]:
    """The status, and the job's id or what is wrong."""
    answer = request("POST", "/v1/jobs", body or {}, headers={"Idempotency-Key": key} if key else {})
    return answer.status, str(answer.body.get("id") or answer.body["type"])


def manual_jobs(given: Functions, count: int) -> list[str]:
    """Jobs with both files, which wait for their start call."""
    jobs = [create({"start": "manual"})[1] for _ in range(count)]
    for job_id in jobs:
        upload(given, job_id)
    given.settle()
    return jobs


def upload(given: Functions, job_id: str) -> None:
    for role in Role:
        given.parts.s3.put_object(Bucket=given.parts.settings.bucket, Key=upload_key(job_id, role), Body=WAV)


def start(job_id: str) -> int:
    return request("POST", f"/v1/jobs/{job_id}/start").status


def running(given: Functions, job_id: str) -> Job:
    assert start(job_id) == 202
    claims = given.claims("host-a")
    return claims.begin(claims.claim(job_id))


def new_batch() -> str:
    return str(request("POST", "/v1/batches", {}).body["id"])


def add(batch: str, custom_id: str) -> tuple[int, str]:
    """The status, of the item or of the whole call, and the job's id, if there is one."""
    answer = request("POST", f"/v1/batches/{batch}/jobs", {"jobs": [{"custom_id": custom_id}]})
    if answer.status != 200:
        return answer.status, ""
    (item,) = cast("list[dict[str, Any]]", answer.body["jobs"])
    return item["status"], item["job"]["id"] if item["job"] else ""


def start_batch(batch: str) -> tuple[int, str]:
    """The call, and the starter that gets its errand."""
    status = request("POST", f"/v1/batches/{batch}/start").status
    batch_starter.run(service(), Errand(batch=batch))
    return status, ""


def told(job_id: str, role: Role) -> None:
    """Intake hears of an upload."""
    key = upload_key(job_id, role)
    etag = service().s3.head_object(Bucket=service().settings.bucket, Key=key)["ETag"]
    body = json.dumps({"Records": [{"s3": {"object": {"key": key, "eTag": etag.strip('"')}}}]})
    assert intake.handler(event_of(body), None) == {"batchItemFailures": []}


def delete(job_id: str) -> int:
    return request("DELETE", f"/v1/jobs/{job_id}").status


def commit(job: Job) -> None:
    """A worker's last step, by the worker's own committer."""
    parts = service()
    committer = Committer(
        claims=Claims(parts.table, "host-a", now, parts.settings.lives),
        messages=create_autospec(Messages, instance=True),
        breaker=create_autospec(Breaker, instance=True),
        files=create_autospec(JobFiles, instance=True),
        keeper=create_autospec(Keeper, instance=True),
        accounts=create_autospec(Accounts, instance=True),
        clock=Clock(),
        s3=parts.s3,
        bucket=parts.settings.bucket,
        engine=Description("stand-in", "1.0", (), "wb"),
        patience=Patience(),
    )
    message = Message(id="1", lane=Lane.INTERACTIVE, body="", receipt="", receives=1)
    findings = Findings(Path("r"), Path("d"), 1.0, audio={}, warnings=[], prepared=[], silent=False)
    committer.finish((Work(message, job=job, findings=findings), Scored(Score(3.0))))


def sent(given: Functions, lane: Lane) -> list[str]:
    """The jobs that there are messages for."""
    found: list[str] = []
    while messages := given.receive(lane):
        found += [envelope.unpack(message["Body"]).job for message in messages]
    return found


def test_fifty_starts_of_one_job_send_one_message_and_count_its_bytes_once(given: Functions) -> None:
    (job_id,) = manual_jobs(given, 1)
    assert race(given, *[partial(start, job_id)] * MANY) == [202] * MANY
    assert sent(given, Lane.INTERACTIVE) == [job_id]
    assert used(given)[Quota.BYTES_PER_DAY] == 2 * len(WAV)


def test_fifty_creations_with_one_key_make_one_job_at_the_cost_of_one(given: Functions) -> None:
    answers = race(given, *[partial(create, None, "call-17")] * MANY)
    assert answers == [(201, given.all_jobs()[0].id)] * MANY
    assert len(given.all_jobs()) == 1
    assert (used(given)[Quota.JOBS_PER_DAY], used(given)[Quota.IN_FLIGHT]) == (1, 1)


def test_fifty_creations_with_the_key_of_a_job_that_is_gone_make_one_job(given: Functions) -> None:
    given.clock.move(-2 * DAY)
    _, gone = create(None, "call-17")
    assert [delete(gone), delete(gone)] == [200, 204]
    given.settle()
    given.clock.move(2 * DAY)
    answers = race(given, *[partial(create, None, "call-17")] * MANY)
    assert answers == [(201, given.all_jobs()[0].id)] * MANY
    assert [job.id == gone for job in given.all_jobs()] == [False]


@pytest.mark.parametrize("quota", [Quota.JOBS_PER_DAY, Quota.IN_FLIGHT])
def test_of_fifty_creations_as_many_pass_as_a_quota_has_room_for(quota: Quota, given: Functions) -> None:
    limit(given, **{quota: LIMIT})
    answers = race(given, *[create] * MANY)
    assert sorted(status for status, _ in answers) == [201] * LIMIT + [429] * (MANY - LIMIT)
    assert len(given.all_jobs()) == LIMIT
    assert (used(given)[Quota.JOBS_PER_DAY], used(given)[Quota.IN_FLIGHT]) == (LIMIT, LIMIT)


def test_of_fifty_items_as_many_pass_as_their_batch_has_room_for(given: Functions) -> None:
    limit(given, batch_items=LIMIT)
    batch = new_batch()
    answers = race(given, *[partial(add, batch, str(number)) for number in range(MANY)])
    assert sorted(status for status, _ in answers) == [201] * LIMIT + [429] * (MANY - LIMIT)
    assert batch_counts.read(given.parts.table, batch).jobs == LIMIT
    assert given.parts.batches.get(batch).items == LIMIT
    assert used(given)[Quota.JOBS_PER_DAY] == LIMIT


def test_of_starts_as_many_pass_as_there_is_room_for_their_bytes(given: Functions) -> None:
    limit(given, bytes_per_day=2 * len(WAV) * 7)
    jobs = manual_jobs(given, 2 * PAIRS)
    statuses = race(given, *[partial(start, job_id) for job_id in jobs])
    assert sorted(statuses) == [202] * 7 + [429] * (len(jobs) - 7)
    assert len(sent(given, Lane.INTERACTIVE)) == 7
    assert used(given)[Quota.BYTES_PER_DAY] == 2 * len(WAV) * 7


def test_an_item_added_while_its_batch_starts_is_in_it_or_refused(given: Functions) -> None:
    batch = new_batch()
    adding = [partial(add, batch, str(number)) for number in range(PAIRS)]
    answers = race(given, *adding, partial(start_batch, batch))[:-1]
    added = sorted(job_id for status, job_id in answers if status == 201)
    assert {status for status, _ in answers} <= {201, 409}
    assert added == sorted(job.id for job in given.all_jobs())
    assert given.parts.batches.get(batch).items == len(added) == batch_counts.read(given.parts.table, batch).jobs


def test_uploads_that_come_while_their_batch_starts_start_each_job_once(given: Functions) -> None:
    batch = new_batch()
    jobs = [add(batch, str(number))[1] for number in range(PAIRS)]
    for job_id in jobs:
        upload(given, job_id)
    race(
        given,
        *[partial(told, job_id, role) for job_id in jobs for role in Role],
        *[partial(start_batch, batch)] * 2,
    )
    assert sorted(sent(given, Lane.BULK)) == sorted(jobs)
    assert +batch_counts.read(given.parts.table, batch).states == {State.QUEUED: PAIRS}
    assert used(given)[Quota.BYTES_PER_DAY] == PAIRS * 2 * len(WAV)


def test_a_job_that_is_cancelled_while_it_is_committed_has_one_end_and_nothing_remains(given: Functions) -> None:
    """Cancelled before the commit, it stays to be looked at; after it, the same call deletes it."""
    jobs = [running(given, job_id) for job_id in manual_jobs(given, PAIRS)]
    race(given, *[partial(commit, job) for job in jobs], *[partial(delete, job.id) for job in jobs])
    left = given.all_jobs()
    assert {job.state for job in left} <= {State.CANCELLED}
    given.settle()
    assert [key for key in given.all_keys() if key.startswith("results/")] == []
    assert used(given)[Quota.IN_FLIGHT] == 0


def test_a_job_that_is_deleted_while_it_runs_leaves_nothing(given: Functions) -> None:
    jobs = [running(given, job_id) for job_id in manual_jobs(given, PAIRS)]
    race(
        given,
        *[partial(commit, job) for job in jobs],
        *[partial(delete, job.id) for job in jobs],
        *[partial(delete, job.id) for job in jobs],
    )
    given.settle()
    assert [job.state for job in given.all_jobs()] == []
    assert given.all_keys() == []
    assert used(given)[Quota.IN_FLIGHT] == 0
