"""A response lost after the write was applied changes nothing: each transition knows its own write again."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from shared.claims import Claims
from shared.job import Job
from shared.job_table import JobTable
from shared.jobs import Jobs
from shared.once import Once
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import new_job
from tests.lost_responses import lost_once
from tests.unit.test_transitions import DEAD, WRITES, awaiting, queued, running

Reach = Callable[[Jobs, Claims], Job]

FROM: dict[str, Reach] = {
    "queue": awaiting,
    "refuse": awaiting,
    "expire": awaiting,
    "cancel": running,
    "claim": queued,
    "extend": running,
    "begin": running,
    "commit": running,
    "fail": running,
    "retry": running,
    "put_back": running,
}


@pytest.mark.parametrize("write", FROM)
def test_a_lost_response_changes_nothing(write: str, table: JobTable, jobs: Jobs, claims: Claims) -> None:
    twin = WRITES[write](jobs, claims, FROM[write](jobs, claims))
    job = FROM[write](jobs, claims)
    with lost_once(table.client, "UpdateItem") as sent:
        after = WRITES[write](jobs, claims, job)
    assert len(sent) == 2, "the response was not lost: this test would prove nothing"
    assert after.model_dump(exclude={"id", "reference", "degraded", "last_op"}) == twin.model_dump(
        exclude={"id", "reference", "degraded", "last_op"}
    )
    assert jobs.get(job.id) == after


def test_a_lost_takeover_is_one_attempt_and_one_failure(
    table: JobTable, jobs: Jobs, claims: Claims, clock: SettableClock
) -> None:
    job = running(jobs, claims)
    clock.move(DEAD)
    claims.begin(claims.claim(job.id))
    clock.move(DEAD)
    with lost_once(table.client, "UpdateItem"):
        claimed = claims.claim(job.id)
    assert (claimed.attempt, claimed.failures) == (3, 2)


@pytest.mark.parametrize("with_key", [False, True])
def test_a_lost_creation_is_one_job(with_key: bool, table: JobTable, jobs: Jobs) -> None:
    key = Once.by_idempotency_key("acme", secrets.token_hex(32), "b" * 64) if with_key else None
    job = new_job()
    with lost_once(table.client, "TransactWriteItems") as sent:
        created = jobs.create(job, key)
    assert len(sent) == 2
    assert created.id == job.id
    assert jobs.get(job.id).state is State.AWAITING_UPLOAD
