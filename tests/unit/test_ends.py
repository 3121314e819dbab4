"""Ends: what became of an attempt, by how its job then stands."""

from __future__ import annotations

import pytest

from shared.job import ErrorCategory, Job, JobError
from shared.states import State
from tests.jobs_for_tests import new_job, result
from worker.ends import SUCCESSES, End, end_of
from worker.engines.engine import EngineError, FailureClass, Score
from worker.work import Crashed, Failed, Outcome, Scored, Unscored

SCORED = Scored(Score(3.0))

SILENT = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="The reference is silent.")


def failed(failure_class: FailureClass) -> Failed:
    return Failed(EngineError(failure_class, "code", "message"))


def ended_as(state: State, **changes: object) -> Job:
    return new_job().model_copy(update={"state": state, **changes})


@pytest.mark.parametrize(
    ("outcome", "now", "end"),
    [
        (SCORED, ended_as(State.SUCCEEDED, result=result(3.0)), End.SUCCEEDED),
        (
            Unscored.NO_SIGNAL,
            ended_as(State.SUCCEEDED, result=result().model_copy(update={"mos_lqo": None})),
            End.NO_SIGNAL,
        ),
        (failed(FailureClass.BAD_INPUT), ended_as(State.FAILED, error=SILENT), End.FAILED_BAD_INPUT),
        (
            Crashed("seat_died"),
            ended_as(State.FAILED, error=SILENT.model_copy(update={"category": ErrorCategory.SERVICE})),
            End.FAILED_SERVICE,
        ),
        (Crashed("seat_died"), ended_as(State.QUEUED, failures=1), End.RETRIED),
        (failed(FailureClass.LICENCE), ended_as(State.QUEUED), End.PUT_BACK),
        (Unscored.RETURNED, ended_as(State.QUEUED), End.PUT_BACK),
        (SCORED, ended_as(State.CANCELLED), End.CANCELLED),
        (Unscored.DROPPED, ended_as(State.CANCELLED), End.CANCELLED),
        (Unscored.DROPPED, ended_as(State.SUCCEEDED, result=result(3.0)), End.OVERTAKEN),
        (Unscored.DROPPED, ended_as(State.QUEUED), End.OVERTAKEN),
        (Unscored.DROPPED, ended_as(State.RUNNING), End.OVERTAKEN),
    ],
)
def test_an_attempt_ends_as_its_job_then_stands(outcome: Outcome, now: Job, end: End) -> None:
    assert end_of(ended_as(State.RUNNING), outcome, now) is end


def test_another_s_success_is_none_of_ours() -> None:
    assert end_of(new_job(), Unscored.DROPPED, ended_as(State.SUCCEEDED, result=result())) not in SUCCESSES
