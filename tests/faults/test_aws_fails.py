"""AWS throttles, fails in part, or is not there at all: work waits, and goes on when that is over."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from pydantic import JsonValue

from shared.claims import CLAIM_SECONDS, GRACE_SECONDS
from shared.job import Job
from shared.states import State
from tests.aws_faults import BROKEN, THROTTLED, InPart, Lost
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, wait_told, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
ROUGH_SECONDS = 60.0
GONE_SECONDS = CLAIM_SECONDS + 5
BETWEEN_JOBS_SECONDS = 0.5


@pytest.mark.timeout(300)
def test_a_minute_of_errors_and_throttling_costs_no_job_an_attempt(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    started: list[Job] = []
    with worker(faulty, tmp_path / "a", seats="2") as a, worker(faulty, tmp_path / "b", host="host-b") as b:
        for fault, share in ((THROTTLED, 0.04), (BROKEN, 0.04), (Lost(), 0.02)):
            gateway.inject(fault, times=float("inf"), share=share)
        until = time.monotonic() + ROUGH_SECONDS
        while time.monotonic() < until:
            started.append(jobs.start(QUICK))
            time.sleep(BETWEEN_JOBS_SECONDS)  # a load that is spread over the minute
        gateway.calm()
        gateway.show_swallowed()
        ended = end_well(jobs, started, a, b, gateway=gateway, seconds=100)
    assert {fault for fault, times in gateway.struck.items() if times} == {"Refused", "Lost"}
    assert {(job.state, job.failures) for job in ended} == {(State.SUCCEEDED, 0)}


@pytest.mark.timeout(300)
def test_a_network_cut_that_outlasts_the_claims_loses_nothing_not_even_what_runs(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    scored, scoring = Meeting.at(tmp_path / "scored"), Meeting.at(tmp_path / "scoring")
    with worker(faulty, tmp_path / "worker", seats="2", prefetch="2") as process:
        running = [jobs.start(meeting.order) for meeting in (scored, scoring)]
        for job, meeting in zip(running, (scored, scoring), strict=True):
            meeting.wait_begun()
            jobs.wait_begun(job)
        waiting = jobs.start(QUICK)
        jobs.wait_for(waiting, State.RUNNING)
        later = [jobs.start(QUICK) for _ in range(5)]
        gateway.shut()
        scored.let_go()  # its score is there, and nowhere to put it
        time.sleep(GONE_SECONDS)
        for job in (*running, waiting):
            jobs.age_claim(job, GRACE_SECONDS)  # what the cut would do if it were as much longer
        gateway.show()  # so they come again, and their claims look dead
        gateway.open()
        wait_told(process, "claim_held_again")
        scoring.let_go()
        ended = end_well(jobs, [*running, waiting, *later], process, gateway=gateway, seconds=100)
    assert {(job.state, job.attempt, job.failures) for job in ended} == {(State.SUCCEEDED, 1, 0)}


def test_messages_of_a_batch_that_were_not_deleted_are_deleted_again(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    in_part = gateway.inject(InPart(), "sqs.DeleteMessageBatch", times=3)
    with worker(faulty, tmp_path, seats="2") as process:
        ended = end_well(jobs, [jobs.start(QUICK) for _ in range(20)], process)
    assert in_part.left == 0
    assert '"event": "message_not_deleted"' in process.log.read_text()
    assert {(job.state, job.attempt, job.failures) for job in ended} == {(State.SUCCEEDED, 1, 0)}
    assert set(gateway.deliveries.values()) == {1}


def test_messages_that_cannot_be_deleted_do_not_hold_up_a_drain(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    gateway.inject(THROTTLED, "sqs.DeleteMessageBatch", times=float("inf"))
    with worker(faulty, tmp_path, drain_seconds="3600") as process:
        jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert '"event": "message_not_deleted"' in process.log.read_text()


def test_a_worker_that_starts_while_aws_is_not_there_begins_when_it_is(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    job = jobs.start(QUICK)
    gateway.shut()
    with worker(faulty, tmp_path) as process:
        assert jobs.now(job).state is State.QUEUED
        gateway.open()
        [ended] = end_well(jobs, [job], process, gateway=gateway)
    assert (ended.state, ended.attempt) == (State.SUCCEEDED, 1)


def test_a_drain_without_aws_leaves_what_runs_to_its_claim(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    """Nobody can be told: the claim runs out, and who claims it next counts the begun attempt."""
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(faulty, tmp_path / "worker", drain_seconds="1") as process:
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        jobs.wait_begun(job)
        gateway.shut()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        gateway.open()
        meeting.open()
        jobs.age_claim(job, CLAIM_SECONDS + GRACE_SECONDS)
        gateway.show()
        process.start()
        [ended] = end_well(jobs, [job], process)
    assert (ended.state, ended.attempt, ended.failures) == (State.SUCCEEDED, 2, 1)
