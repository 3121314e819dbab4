"""The whole worker with fauxqs for its queues and ministack for the rest: another SQS than in all other tests."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from sandbox import resources as made
from shared.pools import Lane
from shared.resources import DEAD_QUEUE, MALFORMED_QUEUE, lane_queue
from shared.states import State
from tests.cloud import POOL, Cloud, Resources, clients
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, worker

QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


@dataclass(frozen=True)
class TwoClouds(Cloud):
    """ministack, but for queues."""

    queues_at: str

    @property
    def environment(self) -> dict[str, str]:
        """AWS SDKs Reference, "Service-specific endpoints"."""
        return {**super().environment, "AWS_ENDPOINT_URL_SQS": self.queues_at}


@pytest.fixture
def resources(resources: Resources, fauxqs: str) -> Resources:
    cloud = resources.cloud
    sqs = clients(fauxqs).sqs
    both = TwoClouds(cloud.endpoint, replace(cloud.clients, sqs=sqs), cloud.process, queues_at=fauxqs)
    return replace(resources, cloud=both, queue_urls=made.create_queues(sqs, [POOL], prefix=f"{resources.table}-"))


def test_jobs_are_scored_once_each_and_no_message_is_left(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    """fauxqs deletes by the receipt of the last receive only, and tells nobody where it did not."""
    with worker(resources, tmp_path, seats="2") as process:
        ended = jobs.wait_all([jobs.start(QUICK) for _ in range(30)], State.SUCCEEDED)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert {(job.attempt, job.failures, job.lost_claims) for job in ended} == {(1, 0, 0)}
    assert [jobs.results(job) for job in ended] == [[job.result_key] for job in ended]
    assert [jobs.counts(queue) for queue in (QUEUE, DEAD_QUEUE, MALFORMED_QUEUE)] == [(0, 0)] * 3


def test_a_drain_leaves_no_message_hidden(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    """fauxqs refuses to change a visibility by any receipt but that of the last receive."""
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "worker", prefetch="2", drain_seconds="0") as process:
        running = jobs.start(meeting.order)
        meeting.wait_begun()
        waiting = [jobs.start(QUICK) for _ in range(4)]
        jobs.wait_all(waiting[:2], State.RUNNING)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert {jobs.now(job).state for job in [running, *waiting]} == {State.QUEUED}
    assert jobs.counts(QUEUE) == (5, 0)
