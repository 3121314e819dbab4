"""A file that kills whoever scores it: its job fails after three attempts, and nobody beside it is harmed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from pydantic import JsonValue

from shared.job import ErrorCategory
from shared.states import State
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.worker_process import GivenJobs, worker

POISON: dict[str, JsonValue] = {"do": "die", "signal": int(signal.SIGSEGV)}
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


@pytest.mark.timeout(240)
def test_it_fails_after_three_attempts_and_its_neighbours_never_notice(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker(resources, tmp_path, seats="2") as process:
        poison = jobs.start(POISON)
        neighbours = []
        while not jobs.now(poison).ended:
            neighbours += [jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED) for _ in range(3)]
        failed, *ended = end_well(jobs, [poison, *neighbours], process)
    assert (failed.state, failed.attempt, failed.failures) == (State.FAILED, 3, 3)
    assert failed.error
    assert (failed.error.category, failed.error.code) == (ErrorCategory.SERVICE, "attempts_exhausted")
    assert "`seat_died`" in failed.error.message
    assert process.log.read_text().count("signal 11") == failed.failures
    assert {(job.state, job.attempt, job.failures) for job in ended} == {(State.SUCCEEDED, 1, 0)}
