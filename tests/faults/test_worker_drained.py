"""SIGTERM: the worker ends with exit code 0, and nothing that it had in hand is lost or hidden."""

from __future__ import annotations

import signal
from pathlib import Path

from pydantic import JsonValue

from shared.pools import Lane
from shared.resources import lane_queue
from shared.states import State
from tests.cloud import POOL, Resources
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, worker

QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


def test_what_runs_may_end_and_what_has_not_begun_goes_back(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "worker", prefetch="2") as process:
        running = jobs.start(meeting.order)
        meeting.wait_begun()
        waiting = [jobs.start(QUICK) for _ in range(4)]
        jobs.wait_all(waiting[:2], State.RUNNING)
        process.signal(signal.SIGTERM)
        jobs.wait_all(waiting[:2], State.QUEUED)
        meeting.let_go()
        assert process.wait() == 0
    assert jobs.now(running).state is State.SUCCEEDED
    assert {(job.state, job.failures, job.lost_claims) for job in map(jobs.now, waiting)} == {(State.QUEUED, 0, 0)}
    assert jobs.counts(QUEUE) == (4, 0)
    assert process.left_files() == []


def test_what_runs_past_the_deadline_goes_back_too(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "worker", drain_seconds="0") as process:
        running = jobs.start(meeting.order)
        meeting.wait_begun()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert jobs.now(running).state is State.QUEUED
    assert jobs.counts(QUEUE) == (1, 0)


def test_a_second_signal_hurries(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "worker", drain_seconds="3600") as process:
        running = jobs.start(meeting.order)
        meeting.wait_begun()
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    assert jobs.now(running).state is State.QUEUED
    assert jobs.counts(QUEUE) == (1, 0)


def test_an_idle_worker_ends_at_once(resources: Resources, tmp_path: Path) -> None:
    with worker(resources, tmp_path) as process:
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
