"""`DELETE /v1/jobs/{id}` cancels what has not ended, and removes what has."""

from __future__ import annotations

import pytest

from api.service import Service
from shared.errors import LostRace
from shared.states import ENDS, State
from tests.requests import Answer, request
from tests.unit.api.steps import GLOBEX, bring, create, item


def delete(job_id: str, **caller: str) -> Answer:
    return request("DELETE", f"/v1/jobs/{job_id}", **caller)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", sorted(set(State) - ENDS))
def test_a_job_that_has_not_ended_is_cancelled(state: State, parts: Service) -> None:
    job_id = create().id
    bring(parts, job_id, state)
    answer = delete(job_id)
    assert (answer.status, answer.body["state"]) == (200, "cancelled")
    assert parts.jobs.get(job_id).state is State.CANCELLED


@pytest.mark.parametrize("state", sorted(ENDS))
def test_a_job_that_has_ended_is_gone_from_then_on(state: State, parts: Service) -> None:
    job_id = create().id
    bring(parts, job_id, state)
    assert delete(job_id).status == 204
    assert request("GET", f"/v1/jobs/{job_id}").status == 404
    assert delete(job_id).status == 404
    assert item(parts, job_id) is None


@pytest.mark.parametrize("state", [State.QUEUED, State.SUCCEEDED])
def test_anothers_job_stays_as_it_is(state: State, parts: Service) -> None:
    job_id = create(key_id=GLOBEX).id
    bring(parts, job_id, state)
    before = item(parts, job_id)
    assert delete(job_id).status == 404
    assert item(parts, job_id) == before


def test_a_job_that_has_not_ended_is_never_taken_out_of_the_table(parts: Service) -> None:
    job = bring(parts, create().id, State.RUNNING)
    with pytest.raises(LostRace):
        parts.jobs.delete(job)
    assert parts.jobs.get(job.id).state is State.RUNNING


def test_deleting_what_is_gone_already_is_no_error(parts: Service) -> None:
    job = bring(parts, create().id, State.SUCCEEDED)
    parts.jobs.delete(job)
    parts.jobs.delete(job)
