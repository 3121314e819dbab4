"""A message may be sent more often than it is needed: the claim decides, and no copy costs its job anything."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from api.enqueue import enqueue
from shared import envelope
from shared.job import Job
from shared.states import State
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
COPIES = 5


def send_copies(jobs: GivenJobs, job: Job) -> None:
    for _ in range(COPIES - 1):
        enqueue(jobs.service, job)


def received(gateway: FaultyGateway, job: Job) -> int:
    """How often a message of that job was received."""
    return sum(times for body, times in gateway.deliveries.items() if envelope.unpack(body).job == job.id)


def test_jobs_that_are_sent_five_times_are_scored_once_each_by_two_workers(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    with worker(faulty, tmp_path / "a", seats="2") as a, worker(faulty, tmp_path / "b", host="host-b") as b:
        started = [jobs.start(QUICK) for _ in range(20)]
        for job in started:
            send_copies(jobs, job)
        ended = end_well(jobs, started, a, b, gateway=gateway)
    assert {(job.state, job.attempt, job.failures, job.lost_claims) for job in ended} == {(State.SUCCEEDED, 1, 0, 0)}
    assert {job.host for job in ended} == {"host-a", "host-b"}
    assert all(received(gateway, job) >= COPIES for job in ended)


def test_copies_that_come_while_their_job_is_scored_neither_run_it_nor_stay(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with (
        worker(faulty, tmp_path / "a", prefetch="0") as a,  # so it takes no other job behind this one
        worker(faulty, tmp_path / "b", host="host-b", seats="2") as b,
    ):
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        send_copies(jobs, job)
        others = jobs.wait_all([jobs.start(QUICK) for _ in range(5)], State.SUCCEEDED)
        meeting.let_go()
        ended = end_well(jobs, [job, *others], a, b, gateway=gateway)
    assert {(job.state, job.attempt, job.failures, job.lost_claims) for job in ended} == {(State.SUCCEEDED, 1, 0, 0)}
