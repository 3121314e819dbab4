"""A machine whose clock is two minutes off claims nothing, says so, and works once its clock is right again."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from shared.hosts import HostState
from shared.states import State
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.worker_process import GivenJobs, wait_host, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
OFF_SECONDS = 120.0
HEALS_SECONDS = 90  # most of the last answers must say so, and there is one in 15 s


@pytest.mark.timeout(300)
def test_nothing_is_claimed_until_the_clock_is_right(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    gateway.date_offset = OFF_SECONDS  # which of the two clocks is wrong nobody can tell
    job = jobs.start(QUICK)
    with worker(faulty, tmp_path) as process:
        wait_host(jobs.resources, HostState.MISCONFIGURED)
        assert (jobs.now(job).state, jobs.now(job).attempt) == (State.QUEUED, 0)
        assert '"event": "clock_off"' in process.log.read_text()
        gateway.date_offset = 0.0
        wait_host(jobs.resources, HostState.READY, HEALS_SECONDS)
        [ended] = end_well(jobs, [job], process, gateway=gateway)
        assert '"event": "clock_well"' in process.log.read_text()
    assert (ended.state, ended.attempt, ended.failures) == (State.SUCCEEDED, 1, 0)


@pytest.mark.timeout(300)
def test_a_clock_that_goes_wrong_amid_the_work_ends_no_claim_that_is_held(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    with worker(faulty, tmp_path) as process:
        before = [jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED) for _ in range(3)]
        gateway.date_offset = OFF_SECONDS
        wait_host(jobs.resources, HostState.MISCONFIGURED, HEALS_SECONDS)
        job = jobs.start(QUICK)
        gateway.date_offset = 0.0
        ended = end_well(jobs, [*before, job], process, gateway=gateway, seconds=2 * HEALS_SECONDS)
    assert {(job.state, job.attempt, job.failures) for job in ended} == {(State.SUCCEEDED, 1, 0)}
