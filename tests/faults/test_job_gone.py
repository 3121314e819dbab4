"""A job that is ended, or taken out of the table, by somebody else: whoever works on it stops, and leaves nothing."""

from __future__ import annotations

import math
import time
from pathlib import Path

import psutil
from pydantic import JsonValue

from shared import items
from shared.job import Job
from shared.job_table import job_key
from shared.states import State
from tests.aws_faults import BROKEN
from tests.cloud import Resources
from tests.faults.aftermath import aftermath, end, end_well, wait_empty
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, wait_told, worker
from worker.keeper import BEAT_SECONDS
from worker.patience import LONGEST_WAIT_SECONDS

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
EMPTY_SECONDS = 40
SLACK_SECONDS = 10  # of a busy machine


def remove(jobs: GivenJobs, job: Job) -> None:
    """Take its item out of the table, whatever its state: what nobody of the service would do."""
    jobs.service.dynamodb.delete_item(TableName=jobs.resources.table, Key=items.pack(job_key(job.id)))


def test_a_job_that_is_gone_while_it_is_queued_is_not_scored(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    gone, other = jobs.start(QUICK), jobs.start(QUICK)
    remove(jobs, gone)
    with worker(resources, tmp_path) as process:
        end_well(jobs, [other], process)
    assert jobs.results(gone) == []


def test_a_job_that_goes_while_it_runs_leaves_no_result_and_comes_to_no_new_life(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "worker") as process:
        gone = jobs.start(meeting.order)
        meeting.wait_begun()
        jobs.wait_begun(gone)
        remove(jobs, gone)
        meeting.let_go()
        wait_empty(jobs, EMPTY_SECONDS)
        end([process])
    assert not (found := aftermath(jobs, [], [process])).broken, found.broken
    assert jobs.results(gone) == []
    key = items.pack(job_key(gone.id))
    assert "Item" not in jobs.service.dynamodb.get_item(TableName=resources.table, Key=key), "a ghost"


def test_a_job_that_is_cancelled_while_it_runs_stops_its_seat_within_a_beat_and_no_other(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    unwanted, wanted = Meeting.at(tmp_path / "unwanted"), Meeting.at(tmp_path / "wanted")
    with worker(resources, tmp_path / "worker", seats="2") as process:
        cancelled, neighbour = jobs.start(unwanted.order), jobs.start(wanted.order)
        seat, other_seat = psutil.Process(unwanted.wait_begun()), psutil.Process(wanted.wait_begun())
        jobs.wait_begun(cancelled)
        jobs.service.jobs.cancel(jobs.now(cancelled))
        began = time.monotonic()
        seat.wait(BEAT_SECONDS + SLACK_SECONDS)
        took = time.monotonic() - began
        assert other_seat.is_running()
        after = jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)  # on a new seat: the other one is taken
        wanted.let_go()
        ended = end_well(jobs, [cancelled, neighbour, after], process)
    assert took < BEAT_SECONDS + SLACK_SECONDS
    assert [job.state for job in ended] == [State.CANCELLED, State.SUCCEEDED, State.SUCCEEDED]
    assert {job.failures for job in ended} == {0}


def test_a_job_that_is_cancelled_while_its_files_cannot_be_had_gives_its_place_back(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    gateway.inject(BROKEN, "s3.GetObject", times=math.inf)
    with worker(faulty, tmp_path) as process:
        unwanted = jobs.start(QUICK)
        jobs.wait_for(unwanted, State.RUNNING)
        jobs.service.jobs.cancel(jobs.now(unwanted))
        wait_told(process, "attempt_ended", BEAT_SECONDS + LONGEST_WAIT_SECONDS + SLACK_SECONDS)
        end_well(jobs, [unwanted], process)
