"""Nothing remains: whatever became of jobs and batches, bucket and table are empty once their lives are over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from shared import quotas
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS
from shared.job import ErrorCategory, Job, JobError, Role
from shared.limits import Quota
from shared.lives import LIVES, STRICT, Lives
from shared.object_keys import result_key, upload_key
from shared.resources import DAY
from shared.states import State
from tests import functions
from tests.clock import SettableClock
from tests.cloud import Resources
from tests.functions import TENANT, Functions
from tests.jobs_for_tests import result
from tests.requests import request
from tests.wavs import wav

HOUR = 3600
WAV = wav(0.5)
SERVICE = JobError(category=ErrorCategory.SERVICE, code="attempts_exhausted", message="Given up.")
STAYS = ("TENANT#", "KEY#", "POOL#", "RECONCILER")  # usage, keys, hosts, and the reconciler's own notes

Item = dict[str, object]


@pytest.fixture
def given(resources: Resources, monkeypatch: pytest.MonkeyPatch, lives: Lives) -> Iterator[Functions]:
    with functions.given(resources, monkeypatch, lives) as given:
        yield given


@pytest.fixture(params=[LIVES, STRICT], ids=["lives by default", "strict"])
def lives(request: pytest.FixtureRequest) -> Lives:
    return cast(Lives, request.param)


def create(**headers: str) -> str:
    answer = request("POST", "/v1/jobs", {}, headers=headers)
    assert answer.status == 201
    return str(answer.body["id"])


def upload(given: Functions, job_id: str, *roles: Role, content: bytes = WAV) -> None:
    """Store files; the cloud tells of them."""
    for role in roles or Role:
        given.parts.s3.put_object(Bucket=given.parts.settings.bucket, Key=upload_key(job_id, role), Body=content)
    given.settle()


def queued(given: Functions, **headers: str) -> str:
    job_id = create(**headers)
    upload(given, job_id)
    assert given.jobs.get(job_id).state is State.QUEUED
    return job_id


def put_result(given: Functions, job: Job) -> str:
    key = result_key(job.id, job.attempt)
    given.parts.s3.put_object(Bucket=given.parts.settings.bucket, Key=key, Body=b"{}")
    return key


def score(given: Functions, job_id: str, host: str = "host-a") -> None:
    claims = given.claims(host)
    job = claims.begin(claims.claim(job_id))
    claims.commit(job, result(), put_result(given, job))


def fail(given: Functions, job_id: str) -> None:
    claims = given.claims("host-a")
    claims.fail(claims.claim(job_id), SERVICE)


def delete(job_id: str, status: int) -> None:
    assert request("DELETE", f"/v1/jobs/{job_id}").status == status


def batch(given: Functions, count: int) -> tuple[str, list[str]]:
    batch_id = str(request("POST", "/v1/batches", {}).body["id"])
    wanted = [{"custom_id": str(number)} for number in range(count)]
    answer = request("POST", f"/v1/batches/{batch_id}/jobs", {"jobs": wanted})
    jobs = [str(cast(Item, one["job"])["id"]) for one in cast(list[Item], answer.body["jobs"])]
    return batch_id, jobs


def every_end(given: Functions, clock: SettableClock) -> None:
    """Jobs of every end, and everything that may come after one."""
    scored = queued(given, **{"Idempotency-Key": "call-17"})
    assert request("GET", f"/v1/jobs/{scored}").status == 202  # leaves its guard
    score(given, scored)
    bad = create()
    upload(given, bad, content=b"no wav")
    assert given.jobs.get(bad).state is State.FAILED
    fail(given, queued(given))
    cancelled = queued(given)
    delete(cancelled, 200)
    upload(given, cancelled, Role.DEGRADED, content=WAV + b"\0\0")  # late
    gone = queued(given)
    score(given, gone)
    delete(gone, 204)
    given.settle()
    upload(given, gone)  # later still
    overtaken = queued(given)
    zombie = given.claims("host-a").begin(given.claims("host-a").claim(overtaken))
    clock.move(CLAIM_SECONDS + GRACE_SECONDS)
    score(given, overtaken, host="host-b")
    put_result(given, zombie)  # and it dies before it can look whether that is true
    create()  # nothing ever comes of it
    upload(given, create(), Role.REFERENCE)  # half of one
    some_batches(given)


def some_batches(given: Functions) -> None:
    started, jobs = batch(given, 3)
    for job_id in jobs:
        upload(given, job_id)
    assert request("POST", f"/v1/batches/{started}/start").status == 202
    given.settle()
    score(given, jobs[0])
    fail(given, jobs[1])
    delete(jobs[2], 200)
    given.settle()
    assert request("GET", f"/v1/batches/{started}/results").status == 200
    deleted_batch(given)
    open_for_ever, (job_id, _) = batch(given, 2)
    upload(given, job_id)
    assert request("GET", f"/v1/batches/{open_for_ever}").body["state"] == "open"


def deleted_batch(given: Functions) -> None:
    """One that is deleted while it goes: one job has ended, one runs, one waits for a worker and one for its files."""
    gone, jobs = batch(given, 4)
    for job_id in jobs[:3]:
        upload(given, job_id)
    assert request("POST", f"/v1/batches/{gone}/start").status == 202
    given.settle()
    score(given, jobs[0])
    given.claims("host-a").claim(jobs[1])
    assert request("DELETE", f"/v1/batches/{gone}").status == 204
    given.settle()
    assert not {job.id for job in given.all_jobs()} & {*jobs}
    assert not [key for key in left(given) if key.startswith(f"BATCH#{gone} COUNT")]


def go_by(given: Functions, seconds: float, step: float = HOUR) -> None:
    """Time goes by; reconciler and time to live do what they do."""
    for _ in range(int(seconds // step)):
        given.minute(step)
        given.sweeper.sweep()
        given.settle()


def left(given: Functions) -> list[str]:
    """What is in the table for good or ill, but for what is to stay."""
    keys = [f"{item['pk']} {item['sk']}" for item in given.all_items()]
    return sorted(key for key in keys if not key.startswith(STAYS))


def test_nothing_remains(given: Functions, lives: Lives) -> None:
    every_end(given, given.clock)
    assert len(given.all_keys()) > 10
    go_by(given, 26 * HOUR)  # by then all have ended
    assert all(job.ended for job in given.all_jobs())
    assert quotas.used(given.parts.table, TENANT)[Quota.IN_FLIGHT] == 0
    go_by(given, 60 * DAY, step=DAY)
    assert given.all_keys() == []
    assert left(given) == []
    assert quotas.used(given.parts.table, TENANT)[Quota.IN_FLIGHT] == 0


@pytest.mark.parametrize("lives", [STRICT], ids=["strict"])
def test_strict_lives_leave_nothing_of_what_was_said_two_hours_after_the_end(given: Functions) -> None:
    every_end(given, given.clock)
    go_by(given, 2 * HOUR)
    waiting = [job for job in given.all_jobs() if job.state is State.AWAITING_UPLOAD]
    assert {job.id for job in given.all_jobs()} == {job.id for job in waiting}
    assert {key.split("/")[1] for key in given.all_keys()} <= {job.id for job in waiting}


@pytest.mark.parametrize("lives", [LIVES], ids=["lives by default"])
def test_what_lives_is_not_touched(given: Functions) -> None:
    """The other half of the promise."""
    scored, replayable = queued(given), queued(given)
    score(given, scored)
    fail(given, replayable)
    go_by(given, 6.5 * DAY, step=12 * HOUR)
    assert request("GET", f"/v1/jobs/{scored}").status == 200
    assert sorted(given.all_keys()) == sorted([result_key(scored, 1), *(upload_key(replayable, role) for role in Role)])
    go_by(given, 7 * DAY, step=DAY)
    assert [job.id for job in given.all_jobs()] == [replayable]
    go_by(given, DAY)
    assert (given.all_keys(), given.all_jobs()) == ([], [])
