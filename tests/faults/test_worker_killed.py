"""The worker, a seat, or the measuring process dies; every job reaches exactly one end all the same."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
from pydantic import JsonValue

from api.enqueue import enqueue
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS
from shared.pools import Lane
from shared.resources import MALFORMED_QUEUE, lane_queue
from shared.states import State
from tests.cloud import POOL, Resources
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, worker

QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


def test_jobs_are_scored_once_each_and_nothing_is_left(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    with worker(resources, tmp_path, seats="2") as process:
        started = [jobs.start(QUICK) for _ in range(20)]
        ended = jobs.wait_all(started, State.SUCCEEDED)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert {(job.attempt, job.failures, job.lost_claims) for job in ended} == {(1, 0, 0)}
    assert [jobs.results(job) for job in ended] == [[job.result_key] for job in ended]
    assert jobs.counts(QUEUE) == (0, 0)
    assert process.left_files() == []


def test_a_worker_killed_while_it_scores_leaves_no_process_and_its_jobs_succeed_once(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "first", prefetch="2") as first:
        scored = jobs.start(meeting.order)
        meeting.wait_begun()
        waiting = [jobs.start(QUICK) for _ in range(3)]
        prefetched = [jobs.wait_for(job, State.RUNNING) for job in waiting[:2]]
        jobs.wait_begun(scored)
        children = first.children()
        first.kill()
    psutil.wait_procs(children, timeout=10)
    assert [child for child in children if child.is_running()] == []

    meeting.open()
    for job in (scored, *prefetched):  # what a minute and a half would do, and the reconciler then
        jobs.age_claim(job, CLAIM_SECONDS + GRACE_SECONDS)
        enqueue(jobs.service, job)
    with worker(resources, tmp_path / "second"):
        ended = jobs.wait_all([scored, *waiting], State.SUCCEEDED)
    assert [(job.attempt, job.failures, job.lost_claims) for job in ended] == [
        (2, 1, 0),
        (2, 0, 1),
        (2, 0, 1),
        (1, 0, 0),
    ]
    assert [jobs.results(job) for job in ended] == [[job.result_key] for job in ended]


def test_a_seat_that_crashes_costs_its_own_job_an_attempt_and_its_neighbours_nothing(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker(resources, tmp_path, seats="2"):
        poison = jobs.start({"do": "die", "signal": int(signal.SIGSEGV)})
        neighbours = jobs.wait_all([jobs.start(QUICK) for _ in range(10)], State.SUCCEEDED)
        after = jobs.wait_for(poison, State.QUEUED, State.FAILED)
    assert {(job.attempt, job.failures) for job in neighbours} == {(1, 0)}
    assert (after.attempt, after.failures) == (1, 1)


def test_a_message_that_nobody_can_read_is_put_aside(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    jobs.service.sqs.send_message(QueueUrl=resources.queue_urls[QUEUE], MessageBody="nonsense")
    with worker(resources, tmp_path):
        jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
    assert jobs.counts(MALFORMED_QUEUE) == (1, 0)
