"""The line about a job while it is waited for."""

from __future__ import annotations

import io

import pytest
from mosaic import Job, Progress, Role, ServerError, Step, Unreachable
from mosaic.problem import Problem
from mosaic.screen import Screen
from mosaic.standing import Standing, seconds
from rich.console import Console

from tests.unit.client.idle_clock import IdleClock


def job(state: str, eta: float | None = None) -> Job:
    return Job.from_document({"id": "0" * 32, "state": state, "engine": "visqol", "mode": "wb", "eta_seconds": eta})


def test_a_job_that_runs_beyond_its_first_estimate_takes_longer_than_usual(idle: IdleClock) -> None:
    standing = Standing(idle.monotonic)
    assert standing.words(job("running", 5.0), uploaded=True) == "running, about 5.0 s to go"
    idle.sleep(4)
    assert standing.words(job("running", 1.0), uploaded=True) == "running, about 1.0 s to go"
    idle.sleep(2)
    assert standing.words(job("running", 1.0), uploaded=True) == "running, longer than usual"


def test_time_in_the_queue_is_not_time_that_it_runs(idle: IdleClock) -> None:
    standing = Standing(idle.monotonic)
    standing.words(job("queued", 5.0), uploaded=True)
    idle.sleep(60)
    assert standing.words(job("queued", 20.0), uploaded=True) == "queued, about 20 s to go"
    assert standing.words(job("running", 5.0), uploaded=True) == "running, about 5.0 s to go"


def test_without_an_estimate_there_is_only_the_state(idle: IdleClock) -> None:
    assert Standing(idle.monotonic).words(job("running"), uploaded=True) == "running"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Unreachable("http://h cannot be reached"), "the service cannot be reached; trying again"),
        (ServerError(Problem("t", "t", 503, "Down.")), "the service does not work; trying again"),
    ],
)
def test_while_it_is_tried_again_the_line_says_why_until_something_moves(
    failure: Unreachable | ServerError, words: str
) -> None:
    file = io.StringIO()
    with Screen(Console(file=file, force_terminal=True, width=80)) as screen:
        screen.on_job(job("awaiting_upload"))
        screen.on_retry(failure)
    assert words in last_drawn(file)
    file = io.StringIO()
    with Screen(Console(file=file, force_terminal=True, width=80)) as screen:
        screen.on_job(job("awaiting_upload"))
        screen.on_retry(failure)
        screen.on_progress(Progress(Step.UPLOADING, Role.DEGRADED, 1, 2))
    assert words not in last_drawn(file)
    assert "uploading" in last_drawn(file)


@pytest.mark.parametrize(
    ("step", "under_way", "done"), [(Step.HASHING, "hashing", "hashed"), (Step.UPLOADING, "uploading", "uploaded")]
)
def test_a_files_bar_says_what_is_done_with_it_and_when_that_is_done(step: Step, under_way: str, done: str) -> None:
    for bytes_, words, other in ((1, under_way, done), (2, done, under_way)):
        file = io.StringIO()
        with Screen(Console(file=file, force_terminal=True, width=80)) as screen:
            screen.on_progress(Progress(step, Role.REFERENCE, 1, 2))
            screen.on_progress(Progress(step, Role.REFERENCE, bytes_, 2))
        shown = file.getvalue()
        assert words in shown.rpartition("reference")[2]
        assert other not in shown.rpartition("reference")[2]


def last_drawn(file: io.StringIO) -> str:
    """What the terminal showed at last: rich draws over the lines before."""
    return file.getvalue().rpartition("\r\x1b[2K")[2]


@pytest.mark.parametrize(
    ("value", "text"), [(0.041, "41 ms"), (3.25, "3.2 s"), (12.4, "12 s"), (200, "3 min 20 s"), (59.7, "1 min 0 s")]
)
def test_durations_are_for_people(value: float, text: str) -> None:
    assert seconds(value) == text
