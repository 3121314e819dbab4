"""A job that takes longer than its message's visibility, and than a claim, is scored once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from shared.claims import CLAIM_SECONDS
from shared.resources import VISIBILITY
from shared.states import State
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, worker

LONGER = max(VISIBILITY, CLAIM_SECONDS) + 5


@pytest.mark.timeout(300)
def test_no_second_delivery_runs_it(jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(faulty, tmp_path / "a") as a, worker(faulty, tmp_path / "b", host="host-b") as b:
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        time.sleep(LONGER)  # the time itself is what this is about
        assert (jobs.now(job).claim_until or 0) > time.time()
        meeting.let_go()
        [ended] = end_well(jobs, [job], a, b)
    assert (ended.state, ended.attempt, ended.failures, ended.lost_claims) == (State.SUCCEEDED, 1, 0, 0)
    assert list(gateway.deliveries.values()) == [1]
