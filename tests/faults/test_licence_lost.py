"""The licence comes and goes: no job fails, none spends an attempt that counts, and all are scored in the end."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from pydantic import JsonValue

from shared.pools import Lane
from shared.resources import lane_queue
from shared.states import State
from tests.cloud import POOL, Resources
from tests.faults.aftermath import end_well
from tests.worker_process import LOOK_SECONDS, GivenJobs, worker

FLAPS = 50
FLAP_SECONDS = 0.05  # between flaps: time itself is what this test is about
HOLD_SECONDS = 40  # for one job to be refused by the engine, on a busy machine
QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)


def test_a_licence_that_flaps_costs_no_job_anything(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    lost = tmp_path / "licence-lost"
    order: dict[str, JsonValue] = {"do": "need_licence", "lost": str(lost)}
    started = [jobs.start(order) for _ in range(20)]
    lost.touch()
    with worker(resources, tmp_path / "worker", seats="2", hold_seconds="0.05") as process:
        for _ in range(FLAPS):
            lost.unlink(missing_ok=True)
            time.sleep(FLAP_SECONDS)
            lost.touch()
            time.sleep(FLAP_SECONDS)
        lost.unlink()
        ended = end_well(jobs, started, process)
    assert {(job.state, job.failures, job.lost_claims) for job in ended} == {(State.SUCCEEDED, 0, 0)}


def test_while_the_licence_is_lost_jobs_wait_in_the_queue_and_no_seat_tries_them_all(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    lost = tmp_path / "licence-lost"
    lost.touch()
    started = [jobs.start({"do": "need_licence", "lost": str(lost)}) for _ in range(10)]
    with worker(resources, tmp_path / "worker", hold_seconds="600") as process:
        jobs.wait_for(next(iter(started)), State.QUEUED, State.RUNNING)
        deadline = time.monotonic() + HOLD_SECONDS
        while "mode_held" not in process.log.read_text():
            assert time.monotonic() < deadline, "the mode was never held"
            time.sleep(LOOK_SECONDS)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    tried = [job for job in map(jobs.now, started) if job.begun_attempt]
    assert len(tried) == 1
    assert {(job.state, job.failures) for job in map(jobs.now, started)} == {(State.QUEUED, 0)}
