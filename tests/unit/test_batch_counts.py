"""The counts of a batch are exact, whatever becomes of its jobs, and however often a write is repeated."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import batch_counts
from shared.batch_counts import STEP, Counts, Scale
from shared.claims import Claims
from shared.errors import AlreadyEnded, KeyReused, LostRace
from shared.job import Job
from shared.job_table import JobTable
from shared.jobs import Jobs
from shared.once import Once
from shared.result import EngineRecord, Result
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job
from tests.lost_responses import lost_once
from tests.unit.test_transitions import BAD, DEAD


def batch_job(batch: str) -> Job:
    return new_job().model_copy(update={"batch": batch})


def result(mos_lqo: float | None, version: str = "3.8.0") -> Result:
    return Result(mos_lqo=mos_lqo, mode="wb", engine=EngineRecord(name="visqol", version=version))


def test_each_state_counts_its_jobs(table: JobTable, jobs: Jobs, claims: Claims) -> None:
    batch = secrets.token_hex(16)
    made = [jobs.create(batch_job(batch)) for _ in range(7)]
    for job in made[1:]:
        jobs.queue(job, ETAGS)
    for job in made[2:]:
        claims.claim(job.id)
    claims.put_back(jobs.get(made[2].id))
    claims.fail(jobs.get(made[3].id), BAD)
    jobs.cancel(made[4])
    claims.commit(jobs.get(made[5].id), result(3.31), "results/1.json")
    counts = batch_counts.read(table, batch)
    assert +counts.states == Counter(
        {
            State.AWAITING_UPLOAD: 1,
            State.QUEUED: 2,
            State.FAILED: 1,
            State.CANCELLED: 1,
            State.SUCCEEDED: 1,
            State.RUNNING: 1,
        }
    )
    assert (counts.jobs, counts.ended) == (7, 3)


def test_a_claim_over_a_dead_claim_counts_nothing_and_the_last_one_counts_the_end(
    table: JobTable, jobs: Jobs, claims: Claims, clock: SettableClock
) -> None:
    batch = secrets.token_hex(16)
    job = jobs.queue(jobs.create(batch_job(batch)), ETAGS)
    for _ in range(3):
        claims.begin(claims.claim(job.id))
        clock.move(DEAD)
        assert +batch_counts.read(table, batch).states == Counter({State.RUNNING: 1})
    with pytest.raises(AlreadyEnded):
        claims.claim(job.id)
    assert +batch_counts.read(table, batch).states == Counter({State.FAILED: 1})


def test_a_lost_response_counts_once(table: JobTable, jobs: Jobs, claims: Claims) -> None:
    batch = secrets.token_hex(16)
    with lost_once(table.client, "TransactWriteItems") as sent:
        job = jobs.create(batch_job(batch))
    assert len(sent) == 2
    jobs.queue(job, ETAGS)
    claimed = claims.claim(job.id)
    with lost_once(table.client, "TransactWriteItems") as sent:
        done = claims.commit(claimed, result(4.1), "results/1.json")
    assert len(sent) == 2
    assert done == jobs.get(job.id)
    counts = batch_counts.read(table, batch)
    assert (+counts.states, counts.scales["visqol", "3.8.0", "wb"].count) == (Counter({State.SUCCEEDED: 1}), 1)


def test_a_write_of_somebody_else_in_between_does_not_stand_in_the_way(
    table: JobTable, jobs: Jobs, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = secrets.token_hex(16)
    job = claims.claim(jobs.queue(jobs.create(batch_job(batch)), ETAGS).id)
    counted = batch_counts.moved

    def moved_while_somebody_extends(*given: object) -> object:
        monkeypatch.setattr(batch_counts, "moved", counted)
        claims.extend(job)
        return counted(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(batch_counts, "moved", moved_while_somebody_extends)
    done = claims.commit(job, result(2.0), "results/1.json")
    assert done == jobs.get(job.id)
    assert +batch_counts.read(table, batch).states == Counter({State.SUCCEEDED: 1})


def test_a_job_that_moved_on_between_look_and_write_is_counted_from_where_it_moved_to(
    table: JobTable, jobs: Jobs, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = secrets.token_hex(16)
    job = claims.claim(jobs.queue(jobs.create(batch_job(batch)), ETAGS).id)
    counted = batch_counts.moved

    def moved_while_it_is_put_back(*given: object) -> object:
        monkeypatch.setattr(batch_counts, "moved", counted)
        claims.put_back(job)
        return counted(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(batch_counts, "moved", moved_while_it_is_put_back)
    assert jobs.cancel(job).state is State.CANCELLED
    states = batch_counts.read(table, batch).states
    assert {state: count for state, count in states.items() if count} == {State.CANCELLED: 1}


def test_an_item_is_created_once_by_its_custom_id_and_counted_once(table: JobTable, jobs: Jobs) -> None:
    batch = secrets.token_hex(16)
    once = Once.by_custom_id(batch, "call-17", "a" * 64)
    first = jobs.create(batch_job(batch), once)
    assert jobs.create(batch_job(batch), once).id == first.id
    with pytest.raises(KeyReused):
        jobs.create(batch_job(batch), Once.by_custom_id(batch, "call-17", "b" * 64))
    assert batch_counts.read(table, batch).jobs == 1


def test_scores_of_two_versions_are_two_scales(table: JobTable, jobs: Jobs, claims: Claims) -> None:
    batch = secrets.token_hex(16)
    for mos_lqo, version in ((3.0, "3.8.0"), (4.0, "3.8.0"), (1.5, "3.9.0"), (None, "3.8.0")):
        job = claims.claim(jobs.queue(jobs.create(batch_job(batch)), ETAGS).id)
        claims.commit(job, result(mos_lqo, version), "results/1.json")
    scales = batch_counts.read(table, batch).scales
    assert {key[1]: (scale.count, scale.mean) for key, scale in scales.items()} == {
        "3.8.0": (2, 3.5),
        "3.9.0": (1, 1.5),
    }


SCORES = st.floats(1.0, 4.75).map(lambda mos: round(mos, 4))


def scale_of(scores: list[float]) -> Scale:
    scale = Scale("visqol", "3.8.0", "wb")
    for mos_lqo in scores:
        scale.add(mos_lqo)
    return scale


@given(st.lists(SCORES, min_size=1, max_size=60), st.floats(1, 99))
@settings(max_examples=300)
def test_a_percentile_is_within_a_step_of_the_nearest_rank_and_within_the_scores(
    scores: list[float], percent: float
) -> None:
    found = scale_of(scores).percentile(percent)
    rank = max(1, -(-len(scores) * percent // 100))
    assert abs(found - sorted(scores)[int(rank) - 1]) <= STEP + 1e-6
    assert min(scores) - 1e-9 <= found <= max(scores) + 1e-9


@given(SCORES, st.integers(1, 200), st.floats(1, 99))
def test_of_equal_scores_every_percentile_and_the_mean_are_that_score(score: float, count: int, percent: float) -> None:
    scale = scale_of([score] * count)
    assert scale.percentile(percent) == pytest.approx(score, abs=1e-9)
    assert scale.mean == pytest.approx(score, abs=1e-9)


@given(st.lists(SCORES, min_size=1, max_size=60), st.floats(1, 99), st.floats(1, 99))
def test_a_higher_percentile_is_never_the_lower_score(scores: list[float], one: float, other: float) -> None:
    scale = scale_of(scores)
    assert scale.percentile(min(one, other)) <= scale.percentile(max(one, other))


def test_a_score_on_the_edge_of_a_bin_is_in_the_bin_that_it_begins() -> None:
    assert [batch_counts.bin_of(index * STEP) for index in range(20, 96)] == list(range(20, 96))


def test_no_counts_are_none() -> None:
    assert batch_counts.gathered([]) == Counts()


def test_a_job_that_its_owner_deletes_is_counted_once_and_what_was_counted_of_it_stays(
    table: JobTable, jobs: Jobs
) -> None:
    batch = secrets.token_hex(16)
    done = jobs.cancel(jobs.create(batch_job(batch)))
    with lost_once(table.client, "TransactWriteItems"):
        jobs.delete(done)
    jobs.delete(done)
    counts = batch_counts.read(table, batch)
    assert (counts.deleted, counts.states[State.CANCELLED]) == (1, 1)


def test_a_job_that_has_not_ended_is_neither_deleted_nor_counted_so(table: JobTable, jobs: Jobs) -> None:
    job = jobs.create(batch_job(secrets.token_hex(16)))
    with pytest.raises(LostRace):
        jobs.delete(job)
    assert jobs.get(job.id)
    assert batch_counts.read(table, str(job.batch)).deleted == 0
