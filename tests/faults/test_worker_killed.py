"""The worker, a seat, or the measuring process dies; every job reaches exactly one end all the same."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
from pydantic import JsonValue

from shared.claims import CLAIM_SECONDS, GRACE_SECONDS
from shared.job import Job
from shared.pools import Lane
from shared.resources import MALFORMED_QUEUE, lane_queue
from shared.states import State
from tests.cloud import POOL, Resources
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import HOST, GivenJobs, WorkerProcess, worker

QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


def test_jobs_are_scored_once_each_and_nothing_is_left(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    with worker(resources, tmp_path, seats="2") as process:
        ended = end_well(jobs, [jobs.start(QUICK) for _ in range(20)], process)
    assert {(job.state, job.attempt, job.failures, job.lost_claims) for job in ended} == {(State.SUCCEEDED, 1, 0, 0)}


def test_a_worker_killed_while_it_scores_leaves_no_process_and_its_jobs_succeed_once(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(faulty, tmp_path / "worker", prefetch="2") as process:
        scored = jobs.start(meeting.order)
        meeting.wait_begun()
        waiting = [jobs.start(QUICK) for _ in range(3)]
        prefetched = jobs.wait_all(waiting[:2], State.RUNNING)
        jobs.wait_begun(scored)
        children = process.children()
        process.kill()
        psutil.wait_procs(children, timeout=10)
        assert [child for child in children if child.is_running()] == []

        meeting.open()
        for job in (scored, *prefetched):  # what a minute and a half would do
            jobs.age_claim(job, CLAIM_SECONDS + GRACE_SECONDS)
        gateway.show()
        process.start()
        ended = end_well(jobs, [scored, *waiting], process)
    assert [(job.state, job.attempt, job.failures, job.lost_claims) for job in ended] == [
        (State.SUCCEEDED, 2, 1, 0),
        (State.SUCCEEDED, 2, 0, 1),
        (State.SUCCEEDED, 2, 0, 1),
        (State.SUCCEEDED, 1, 0, 0),
    ]
    assert [line["event"] for line in story(process, scored)] == [
        *("claimed", "taken_over", "claimed", "job_succeeded"),
    ]
    assert {line["lost_by"] for line in story(process, scored) if line["event"] == "taken_over"} == {HOST}


def story(process: WorkerProcess, job: Job) -> list[dict[str, JsonValue]]:
    """The lines of a worker's log that are about a job, as `grep` with its id finds them."""
    return [json.loads(line) for line in process.log.read_text().splitlines() if job.id in line]


def test_a_message_that_nobody_can_read_is_put_aside(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    jobs.service.sqs.send_message(QueueUrl=resources.queue_urls[QUEUE], MessageBody="nonsense")
    with worker(resources, tmp_path):
        jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
    assert jobs.counts(MALFORMED_QUEUE) == (1, 0)
