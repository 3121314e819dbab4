"""Quotas are counted in the writes that spend them: exactly to the limit, and a repeat costs nothing."""

from __future__ import annotations

import secrets

import pytest

from shared import quotas
from shared.claims import Claims
from shared.errors import NotAwaitingUpload, UnknownJob
from shared.job_table import JobTable
from shared.jobs import Jobs
from shared.limits import Limits, Quota
from shared.once import Once
from shared.quotas import QuotaExceeded
from shared.resources import DAY
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job
from tests.lost_responses import lost_once


@pytest.fixture
def tenant() -> str:
    return secrets.token_hex(4)


def test_the_last_job_of_a_day_is_created_and_the_next_one_is_not(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    for _ in range(3):
        jobs.create(new_job(tenant), None, quotas.of_new_jobs(table, tenant, Limits(jobs_per_day=3), clock()))
    refused = new_job(tenant)
    with pytest.raises(QuotaExceeded) as told:
        jobs.create(refused, None, quotas.of_new_jobs(table, tenant, Limits(jobs_per_day=3), clock()))
    assert (told.value.quota, told.value.limit) == (Quota.JOBS_PER_DAY, 3)
    assert quotas.used(table, tenant, clock())[Quota.IN_FLIGHT] == 3
    clock.move(told.value.resets_at - clock() if told.value.resets_at else 0)
    jobs.create(refused, None, quotas.of_new_jobs(table, tenant, Limits(jobs_per_day=3), clock()))


@pytest.mark.parametrize("limits", [Limits(jobs_per_day=0), Limits(in_flight=0)])
def test_a_quota_of_none_lets_nothing_through(
    limits: Limits, table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    refused = new_job(tenant)
    with pytest.raises(QuotaExceeded):
        jobs.create(refused, None, quotas.of_new_jobs(table, tenant, limits, clock()))
    with pytest.raises(UnknownJob):
        jobs.get(refused.id)


def test_a_repeat_is_the_same_job_even_where_the_quota_was_taken_away_since(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    once = Once.by_idempotency_key(tenant, "call-17", "a" * 64)
    first = jobs.create(new_job(tenant), once, quotas.of_new_jobs(table, tenant, Limits(), clock()))
    spendings = quotas.of_new_jobs(table, tenant, Limits(jobs_per_day=0), clock())
    assert jobs.create(new_job(tenant), once, spendings).id == first.id


def test_a_start_without_a_file_to_count_is_let_through_whatever_was_spent(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    jobs.queue(jobs.create(new_job(tenant)), ETAGS, quotas.of_upload(table, tenant, 600, Limits(), clock()))
    lowered = quotas.of_upload(table, tenant, 0, Limits(bytes_per_day=0), clock())
    assert jobs.queue(jobs.create(new_job(tenant)), ETAGS, lowered).state is State.QUEUED


def test_a_repeat_costs_nothing_even_where_nothing_is_left(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    once = Once.by_idempotency_key(tenant, "call-17", "a" * 64)
    spendings = quotas.of_new_jobs(table, tenant, Limits(jobs_per_day=1), clock())
    first = jobs.create(new_job(tenant), once, spendings)
    assert jobs.create(new_job(tenant), once, spendings).id == first.id
    assert quotas.used(table, tenant, clock())[Quota.JOBS_PER_DAY] == 1


def test_a_lost_response_costs_once(table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock) -> None:
    with lost_once(table.client, "TransactWriteItems") as sent:
        jobs.create(new_job(tenant), None, quotas.of_new_jobs(table, tenant, Limits(), clock()))
    assert len(sent) == 2
    assert quotas.used(table, tenant, clock())[Quota.JOBS_PER_DAY] == 1


def test_bytes_are_counted_as_a_job_starts_and_too_many_leave_it_as_it_is(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    limits = Limits(bytes_per_day=1000)
    first, second = jobs.create(new_job(tenant)), jobs.create(new_job(tenant))
    jobs.queue(first, ETAGS, quotas.of_upload(table, tenant, 600, limits, clock()))
    with pytest.raises(QuotaExceeded) as told:
        jobs.queue(second, ETAGS, quotas.of_upload(table, tenant, 600, limits, clock()))
    assert told.value.quota is Quota.BYTES_PER_DAY
    assert jobs.get(second.id).state is State.AWAITING_UPLOAD
    jobs.queue(second, ETAGS, quotas.of_upload(table, tenant, 400, limits, clock()))
    assert quotas.used(table, tenant, clock())[Quota.BYTES_PER_DAY] == 1000


def test_the_first_bytes_of_a_day_whose_jobs_are_counted_already_are_let_through(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    job = jobs.create(new_job(tenant), None, quotas.of_new_jobs(table, tenant, Limits(), clock()))
    jobs.queue(job, ETAGS, quotas.of_upload(table, tenant, 600, Limits(), clock()))
    used = quotas.used(table, tenant, clock())
    assert (used[Quota.JOBS_PER_DAY], used[Quota.BYTES_PER_DAY]) == (1, 600)


def test_a_start_that_comes_twice_counts_its_bytes_once(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    job = jobs.create(new_job(tenant))
    spendings = quotas.of_upload(table, tenant, 600, Limits(), clock())
    jobs.queue(job, ETAGS, spendings)
    with pytest.raises(NotAwaitingUpload):
        jobs.queue(job, ETAGS, spendings)
    assert quotas.used(table, tenant, clock())[Quota.BYTES_PER_DAY] == 600


def test_what_ended_is_in_flight_no_more_however_often_that_is_told(
    table: JobTable, jobs: Jobs, claims: Claims, tenant: str, clock: SettableClock
) -> None:
    made = [
        jobs.create(new_job(tenant), None, quotas.of_new_jobs(table, tenant, Limits(in_flight=2), clock()))
        for _ in range(2)
    ]
    with pytest.raises(QuotaExceeded) as told:
        jobs.create(new_job(tenant), None, quotas.of_new_jobs(table, tenant, Limits(in_flight=2), clock()))
    assert (told.value.quota, told.value.resets_at) == (Quota.IN_FLIGHT, None)
    cancelled = jobs.cancel(made[0])
    for _ in range(3):
        quotas.release(table, cancelled, clock())
    assert quotas.used(table, tenant, clock())[Quota.IN_FLIGHT] == 1


def test_a_job_that_was_deleted_before_its_end_was_told_is_in_flight_no_more(
    table: JobTable, jobs: Jobs, tenant: str, clock: SettableClock
) -> None:
    job = jobs.create(new_job(tenant), None, quotas.of_new_jobs(table, tenant, Limits(), clock()))
    jobs.delete(jobs.cancel(job))
    quotas.release(table, job, clock())
    assert quotas.used(table, tenant, clock())[Quota.IN_FLIGHT] == 0


def test_a_day_ends_at_midnight_utc(table: JobTable, tenant: str, clock: SettableClock) -> None:
    (day, _) = quotas.of_new_jobs(table, tenant, Limits(), clock())
    assert day.exceeded.resets_at is not None
    assert day.exceeded.resets_at % DAY == 0
    assert 0 < day.exceeded.resets_at - clock() <= DAY
