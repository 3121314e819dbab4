"""A job's way through its states, on the store."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from shared.change import Change
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS, MAX_FAILURES, MAX_LOST_CLAIMS, Claims
from shared.errors import (
    AlreadyEnded,
    KeyReused,
    NotAwaitingUpload,
    NotClaimable,
    Overtaken,
    StoreError,
    UnknownJob,
)
from shared.job import ErrorCategory, Job, JobError, Role, new_job_id
from shared.job_table import JobTable, ended_key, job_key
from shared.jobs import Jobs
from shared.once import Once
from shared.states import ENDS, TRANSITIONS, State
from shared.transactions import Cancelled
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job, result

BAD = JobError(category=ErrorCategory.BAD_INPUT, code="stereo", message="Two channels.", file=Role.DEGRADED)
DEAD = CLAIM_SECONDS + GRACE_SECONDS

Reach = Callable[[Jobs, Claims], Job]


def awaiting(jobs: Jobs, claims: Claims) -> Job:
    return jobs.create(new_job())


def queued(jobs: Jobs, claims: Claims) -> Job:
    return jobs.queue(awaiting(jobs, claims), ETAGS)


def running(jobs: Jobs, claims: Claims) -> Job:
    return claims.begin(claims.claim(queued(jobs, claims).id))


def succeeded(jobs: Jobs, claims: Claims) -> Job:
    return claims.commit(running(jobs, claims), result(), "results/1.json")


def failed(jobs: Jobs, claims: Claims) -> Job:
    return claims.fail(running(jobs, claims), BAD)


def cancelled(jobs: Jobs, claims: Claims) -> Job:
    return jobs.cancel(queued(jobs, claims))


def expired(jobs: Jobs, claims: Claims) -> Job:
    return jobs.expire(awaiting(jobs, claims))


REACH: dict[State, Reach] = {
    State.AWAITING_UPLOAD: awaiting,
    State.QUEUED: queued,
    State.RUNNING: running,
    State.SUCCEEDED: succeeded,
    State.FAILED: failed,
    State.CANCELLED: cancelled,
    State.EXPIRED: expired,
}

Write = Callable[[Jobs, Claims, Job], Job]
WRITES: dict[str, Write] = {
    "queue": lambda jobs, claims, job: jobs.queue(job, ETAGS),
    "refuse": lambda jobs, claims, job: jobs.refuse(job, BAD),
    "expire": lambda jobs, claims, job: jobs.expire(job),
    "cancel": lambda jobs, claims, job: jobs.cancel(job),
    "claim": lambda jobs, claims, job: claims.claim(job.id),
    "extend": lambda jobs, claims, job: claims.extend(job),
    "begin": lambda jobs, claims, job: claims.begin(job),
    "commit": lambda jobs, claims, job: claims.commit(job, result(1.23), "results/other.json"),
    "fail": lambda jobs, claims, job: claims.fail(job, BAD),
    "retry": lambda jobs, claims, job: claims.retry(job, "it crashed"),
    "put_back": lambda jobs, claims, job: claims.put_back(job),
}


@pytest.mark.parametrize("state", State)
def test_every_state_is_reached_and_stored(state: State, jobs: Jobs, claims: Claims) -> None:
    job = REACH[state](jobs, claims)
    assert job.state is state
    assert jobs.get(job.id) == job


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("state", State)
def test_no_write_leaves_the_state_machine(state: State, write: str, jobs: Jobs, claims: Claims) -> None:
    before = REACH[state](jobs, claims)
    try:
        after = WRITES[write](jobs, claims, before)
    except StoreError:
        assert jobs.get(before.id) == before
    else:
        assert after.state is state or after.state in TRANSITIONS[state]
        assert state not in ENDS


@pytest.mark.parametrize("write", WRITES)
def test_a_job_that_is_gone_never_comes_back_as_a_ghost(
    write: str, jobs: Jobs, claims: Claims, table: JobTable
) -> None:
    gone = new_job()
    with pytest.raises(UnknownJob):
        WRITES[write](jobs, claims, gone)
    assert table.read(job_key(gone.id)) is None


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_end_has_a_result_or_an_error_and_a_life_and_is_due_once_its_audio_is_to_go(
    state: State, jobs: Jobs, claims: Claims, table: JobTable, clock: SettableClock
) -> None:
    job = REACH[state](jobs, claims)
    item = table.read(job_key(job.id)) or {}
    assert (job.result is None) != (job.error is None)
    assert (job.result is not None) == (state is State.SUCCEEDED)
    assert job.expires_at == clock.now + 7 * 24 * 3600
    assert item["check_at"] == clock.now + 3600
    assert item["pending"] == ended_key(job.id)
    assert "claim_until" not in item


@pytest.mark.parametrize("state", sorted(set(State) - ENDS))
def test_a_job_that_has_not_ended_is_pending_and_has_no_life_yet(
    state: State, jobs: Jobs, claims: Claims, table: JobTable
) -> None:
    item = table.read(job_key(REACH[state](jobs, claims).id)) or {}
    assert "pending" in item
    assert "check_at" in item
    assert "expires_at" not in item


def test_a_start_records_what_was_found(jobs: Jobs, claims: Claims, clock: SettableClock) -> None:
    job = queued(jobs, claims)
    assert (job.reference.etag, job.degraded.etag) == ('"aa"', '"bb"')
    assert job.times[State.QUEUED] == clock.now


def test_a_second_start_is_told_how_the_job_stands(jobs: Jobs, claims: Claims) -> None:
    job = running(jobs, claims)
    with pytest.raises(NotAwaitingUpload) as race:
        jobs.queue(job, ETAGS)
    assert race.value.job == job


def test_a_live_claim_keeps_others_out(jobs: Jobs, claims: Claims, other_claims: Claims, clock: SettableClock) -> None:
    job = running(jobs, claims)
    clock.move(DEAD - 0.001)
    with pytest.raises(NotClaimable) as race:
        other_claims.claim(job.id)
    assert race.value.job.host == "host-a"


def test_an_extended_claim_lives_on(jobs: Jobs, claims: Claims, other_claims: Claims, clock: SettableClock) -> None:
    job = running(jobs, claims)
    clock.move(50)
    claims.extend(job)
    clock.move(DEAD - 1)
    with pytest.raises(NotClaimable):
        other_claims.claim(job.id)


def test_a_dead_claim_is_taken_over_and_its_worker_is_fenced_out(
    jobs: Jobs, claims: Claims, other_claims: Claims, clock: SettableClock
) -> None:
    mine = running(jobs, claims)
    clock.move(DEAD)
    theirs = other_claims.claim(mine.id)
    assert (theirs.attempt, theirs.host, theirs.failures) == (2, "host-b", 1)
    for write in ("extend", "begin", "commit", "fail", "retry", "put_back"):
        with pytest.raises(Overtaken):
            WRITES[write](jobs, claims, mine)
    assert other_claims.commit(theirs, result(), "results/2.json").result_key == "results/2.json"


def test_a_claim_that_is_extended_at_the_last_moment_is_not_taken_over(
    jobs: Jobs, claims: Claims, other_claims: Claims, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running(jobs, claims)
    clock.move(DEAD)
    lost = other_claims._lost

    def extend_first(seen: Job) -> Change:
        claims.extend(job)  # between the other one's look and its write
        return lost(seen)

    monkeypatch.setattr(other_claims, "_lost", extend_first)
    with pytest.raises(NotClaimable):
        other_claims.claim(job.id)
    assert jobs.get(job.id).attempt == 1


def test_a_claim_lost_before_its_attempt_began_is_no_failure(jobs: Jobs, claims: Claims, clock: SettableClock) -> None:
    job = claims.claim(queued(jobs, claims).id)
    clock.move(DEAD)
    job = claims.claim(job.id)
    assert (job.failures, job.lost_claims) == (0, 1)


def test_the_third_claim_over_a_begun_attempt_ends_the_job(jobs: Jobs, claims: Claims, clock: SettableClock) -> None:
    job = queued(jobs, claims)
    for _ in range(MAX_FAILURES):
        claims.begin(claims.claim(job.id))
        clock.move(DEAD)
    with pytest.raises(AlreadyEnded) as end:
        claims.claim(job.id)
    assert end.value.job.error is not None
    assert end.value.job.error.code == "attempts_exhausted"
    assert end.value.job.failures == MAX_FAILURES


def test_the_tenth_claim_lost_before_beginning_ends_the_job(jobs: Jobs, claims: Claims, clock: SettableClock) -> None:
    job = queued(jobs, claims)
    for _ in range(MAX_LOST_CLAIMS):
        claims.claim(job.id)
        clock.move(DEAD)
    with pytest.raises(AlreadyEnded) as end:
        claims.claim(job.id)
    assert end.value.job.state is State.FAILED
    assert (end.value.job.failures, end.value.job.lost_claims) == (0, MAX_LOST_CLAIMS)


def test_a_transient_error_is_retried_and_the_third_is_the_last(jobs: Jobs, claims: Claims) -> None:
    job = queued(jobs, claims)
    for failures in range(1, MAX_FAILURES):
        job = claims.retry(claims.begin(claims.claim(job.id)), "it crashed")
        assert (job.state, job.failures) == (State.QUEUED, failures)
    job = claims.retry(claims.begin(claims.claim(job.id)), "it crashed")
    assert (job.state, job.failures) == (State.FAILED, MAX_FAILURES)


def test_a_put_back_costs_nothing(jobs: Jobs, claims: Claims) -> None:
    job = queued(jobs, claims)
    for _ in range(20):
        job = claims.put_back(claims.claim(job.id))
    assert (job.state, job.failures, job.lost_claims, job.attempt) == (State.QUEUED, 0, 0, 20)


def test_a_cancelled_job_refuses_its_workers_result(jobs: Jobs, claims: Claims) -> None:
    job = running(jobs, claims)
    jobs.cancel(job)
    with pytest.raises(AlreadyEnded) as end:
        claims.commit(job, result(), "results/1.json")
    assert end.value.job.state is State.CANCELLED


def test_a_result_that_is_committed_already_is_success(jobs: Jobs, claims: Claims) -> None:
    job = running(jobs, claims)
    first = claims.commit(job, result(), "results/1.json")
    assert claims.commit(job, result(), "results/1.json") == first


def test_an_idempotency_key_makes_one_job(jobs: Jobs) -> None:
    key_hash = secrets.token_hex(32)
    key = Once.by_idempotency_key("acme", key_hash, "b" * 64)
    first = jobs.create(new_job(), key)
    assert jobs.create(new_job(), key).id == first.id
    with pytest.raises(KeyReused):
        jobs.create(new_job(), Once.by_idempotency_key("acme", key_hash, "other"))
    assert jobs.create(new_job(), Once.by_idempotency_key("globex", key_hash, "b" * 64)).id != first.id


def test_an_id_is_never_written_twice(jobs: Jobs, claims: Claims) -> None:
    job = queued(jobs, claims)
    with pytest.raises(Cancelled):
        jobs.create(new_job().model_copy(update={"id": job.id}))
    assert jobs.get(job.id).state is State.QUEUED


def test_ids_are_128_random_bits() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(job_id) for job_id in ids} == {32}
