"""When a job is due to be looked at: moved ahead by each step, and only by who saw the job as it is."""

from __future__ import annotations

import pytest

from shared.claims import CLAIMED_CHECK_SECONDS, Claims
from shared.jobs import FIRST_CHECK_SECONDS, SEND_SECONDS, Jobs
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job


def test_a_queued_job_is_due_soon_until_its_message_is_sent(jobs: Jobs, clock: SettableClock) -> None:
    job = jobs.queue(jobs.create(new_job()), ETAGS)
    assert job.check_at == clock() + SEND_SECONDS
    jobs.sent(job)
    assert jobs.get(job.id).check_at == clock() + FIRST_CHECK_SECONDS
    assert jobs.get(job.id).sends == 1


@pytest.mark.parametrize(("waits", "factor"), [(0, 1), (60, 1), (100_000, 300_000 / FIRST_CHECK_SECONDS)])
def test_another_message_is_due_after_three_times_the_expected_wait_twice_as_long_each_time(
    waits: float, factor: float, jobs: Jobs, clock: SettableClock
) -> None:
    job = jobs.queue(jobs.create(new_job()), ETAGS)
    seen = []
    for _ in range(2):
        jobs.sent(job, waits)
        job = jobs.get(job.id)
        seen.append((job.check_at or 0) - clock())
    assert seen == [pytest.approx(factor * FIRST_CHECK_SECONDS), pytest.approx(2 * factor * FIRST_CHECK_SECONDS)]


def test_a_claim_is_due_five_minutes_ahead_and_holding_it_moves_nothing(
    jobs: Jobs, claims: Claims, clock: SettableClock
) -> None:
    job = claims.claim(jobs.queue(jobs.create(new_job()), ETAGS).id)
    assert job.check_at == clock() + CLAIMED_CHECK_SECONDS
    clock.move(20)
    assert claims.extend(job).check_at == job.check_at


def test_a_job_that_is_put_back_is_as_one_whose_message_was_just_sent_and_nobodys(
    jobs: Jobs, claims: Claims, clock: SettableClock
) -> None:
    claimed = claims.claim(jobs.queue(jobs.create(new_job()), ETAGS).id)
    assert claimed.host == "host-a"
    clock.move(20)
    back = claims.put_back(claimed)
    assert back.check_at == clock() + FIRST_CHECK_SECONDS
    assert (back.host, back.claim_until) == (None, None)


def test_who_notes_a_send_late_moves_nothing_of_a_job_that_was_claimed_and_put_back_since(
    jobs: Jobs, claims: Claims, clock: SettableClock
) -> None:
    job = jobs.queue(jobs.create(new_job()), ETAGS)
    back = claims.put_back(claims.claim(job.id))
    clock.move(60)
    jobs.sent(job)
    assert jobs.get(job.id) == back


def test_a_job_that_is_put_back_is_due_once_it_is_out_of_time_be_it_again_and_again(
    jobs: Jobs, claims: Claims, clock: SettableClock
) -> None:
    job = jobs.queue(jobs.create(new_job()), ETAGS)
    assert job.run_deadline
    clock.now = job.run_deadline - 1
    assert claims.put_back(claims.claim(job.id)).check_at == job.run_deadline
    assert claims.retry(claims.claim(job.id), "odd").check_at == job.run_deadline
