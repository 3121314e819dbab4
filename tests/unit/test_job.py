"""The job as the table holds it: it reads back as it was written, and a pending job is spread over the index."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.documents import job_summary
from shared.claims import Claims
from shared.job import ErrorCategory, Job, JobError, Role, new_job_id
from shared.job_table import pending_key
from shared.jobs import Jobs
from shared.pools import Mode, Pool
from shared.resources import JOBS_TABLE, PENDING_SHARDS
from shared.result import Advice, EngineRecord, Result
from tests.jobs_for_tests import ETAGS, new_job

MODE = Mode(name="wb", reference_rates_hz=(16000,), degraded_rates_hz=(16000,), same_rate=True, ceiling=5)
FULL = Result(
    mos_lqo=3.3123456789012345,
    mode="wb",
    engine=EngineRecord(name="visqol", version="3.8.0", settings={"lattice": True, "scale": 0.1, "x": None}),
    warnings=[Advice(code="short_speech", message="…")],
    prepared=[{"file": "degraded", "resample": 16000, "level": -26.0}],
    audio={"reference": {"active_level_dbov": -26.1, "sample_rate_hz": 48000, "clipped": False}, "degraded": {}},
    timings_ms={"queued": 41, "scored": 301},
)
BAD = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="No speech.", file=Role.DEGRADED)


@pytest.mark.parametrize(
    "result", [FULL, FULL.model_copy(update={"mos_lqo": None}), FULL.model_copy(update={"mos_lqo": 5.0})]
)
def test_a_result_with_all_its_figures_reads_back_as_it_was_committed(
    result: Result, jobs: Jobs, claims: Claims
) -> None:
    job = jobs.queue(jobs.create(new_job()), ETAGS)
    claims.commit(claims.begin(claims.claim(job.id)), result, "results/1.json")
    assert jobs.get(job.id).result == result


def test_a_score_that_is_no_number_is_no_result() -> None:
    for score in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            Result(mos_lqo=score, mode="wb", engine=FULL.engine)


@given(st.binary(min_size=16, max_size=16).map(bytes.hex))
def test_a_pending_key_is_one_of_the_shards(job_id: str) -> None:
    assert pending_key(job_id) in {f"P#{shard:02d}" for shard in range(PENDING_SHARDS)}


def test_pending_jobs_are_spread_evenly() -> None:
    counts = Counter(pending_key(f"{number:04x}" + "0" * 28) for number in range(2**16))
    assert set(counts.values()) == {2**16 // PENDING_SHARDS}


def test_a_job_knows_its_two_files() -> None:
    job = new_job()
    assert (job.file(Role.REFERENCE), job.file(Role.DEGRADED)) == (job.reference, job.degraded)


@pytest.mark.parametrize("job_id", ["", "0" * 31, "0" * 33, "A" * 32, "0" * 32 + "\n", "JOB#" + "0" * 28])
def test_an_id_has_one_form(job_id: str) -> None:
    with pytest.raises(ValidationError):
        Job.model_validate({**new_job().model_dump(), "id": job_id})
    assert Job.model_validate({**new_job().model_dump(), "id": new_job_id()})


def test_an_omitted_mode_is_the_default_and_an_unknown_one_is_an_error() -> None:
    other = MODE.model_copy(update={"name": "nb"})
    pool = Pool(name="p", engine="e", modes=(other, MODE), default_mode="wb")
    assert (pool.mode(None), pool.mode("nb")) == (MODE, other)
    with pytest.raises(KeyError):
        pool.mode("swb")


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "A", "a_b", "a b", "a" * 41, "ä"])
def test_a_pools_name_can_be_part_of_a_queues(name: str) -> None:
    with pytest.raises(ValidationError):
        Pool(name=name, engine="e", modes=(MODE,), default_mode="wb")


@pytest.mark.parametrize("name", ["by_tenant", "by_batch"])
def test_what_the_lists_show_is_what_the_index_holds(name: str) -> None:
    [listed] = [index for index in JOBS_TABLE.indexes if index.name == name]
    told = {"result": FULL, "error": BAD, "label": "codec=amr", "custom_id": "call-17", "expires_at": 1_790_000_000}
    whole = {"pk": "JOB#1", **new_job().model_copy(update=told).model_dump(mode="json")}
    assert job_summary({key: whole[key] for key in ("pk", *listed.attributes)}) == job_summary(whole)
    assert job_summary(whole).mos_lqo == FULL.mos_lqo
