"""A message of a version that this release does not know waits for a newer worker: it is never dead, nor put aside."""

from __future__ import annotations

import json
import time
from pathlib import Path

from pydantic import JsonValue

from shared.pools import Lane
from shared.resources import DEAD_QUEUE, MALFORMED_QUEUE, lane_queue
from shared.states import State
from tests.cloud import POOL, Resources
from tests.faults.aftermath import aftermath, end
from tests.faulty_gateway import FaultyGateway
from tests.worker_process import LOOK_SECONDS, GivenJobs, worker
from worker.fetcher import NEWER_SECONDS

QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
WAIT_SECONDS = 40
NEWER = json.dumps({"version": 2, "work": "of a kind that is yet to come"})


def wait_hidden(gateway: FaultyGateway, times: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while len(gateway.hidden[NEWER]) < times:
        assert time.monotonic() < deadline, f"received {gateway.deliveries[NEWER]} times, put back for {gateway.hidden}"
        time.sleep(LOOK_SECONDS)
    assert set(gateway.hidden[NEWER]) == {NEWER_SECONDS}


def wait_alone(jobs: GivenJobs) -> None:
    """Until it is the only message: those of jobs that ended are deleted within a second or so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (counts := jobs.counts(QUEUE)) != (0, 1):
        assert time.monotonic() < deadline, counts
        time.sleep(LOOK_SECONDS)


def test_it_is_put_back_for_a_minute_and_stays_however_often_it_comes(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    jobs.service.sqs.send_message(QueueUrl=jobs.resources.queue_urls[QUEUE], MessageBody=NEWER)
    with worker(faulty, tmp_path) as process:
        for times in (1, 2, 3):
            job = jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
            wait_hidden(gateway, times)
            wait_alone(jobs)
            gateway.show()
        wait_hidden(gateway, 4)
        end([process])
    left = aftermath(jobs, [job], [process])
    assert left.broken == {"left_invisible": [QUEUE]}, "the message, and nothing else"
    assert jobs.counts(MALFORMED_QUEUE) == jobs.counts(DEAD_QUEUE) == (0, 0)
