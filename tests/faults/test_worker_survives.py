"""What should never happen, and does: the worker lives on, and ends when it is told to."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
from pydantic import JsonValue

from api.enqueue import enqueue
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS
from shared.states import State
from tests.cloud import Resources, fresh, running
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, WorkerProcess, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
NO_THREADS = """
import sys
from worker import __main__
from worker.teller import Teller
def start(teller):
    raise RuntimeError("can't start new thread")  # as at the limit of tasks, when others run already
Teller.start = start
sys.exit(__main__.main())
"""
ENDS_WITHIN = 20  # seconds: far below what systemd would wait


def measuring_process(process: WorkerProcess) -> psutil.Process:
    """The one child that multiprocessing spawned, beside its resource tracker."""
    return next(child for child in process.children() if any("spawn_main" in word for word in child.cmdline()))


def seats(process: WorkerProcess) -> list[psutil.Process]:
    """The child process of each seat."""
    return [child for child in process.children() if "worker.seat_child" in child.cmdline()]


def test_a_worker_that_was_overtaken_while_it_stood_still_leaves_no_result(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "zombie", prefetch="0") as zombie:  # so it polls for nothing while it scores
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        jobs.wait_begun(job)
        zombie.signal(signal.SIGSTOP)
        jobs.age_claim(job, CLAIM_SECONDS + GRACE_SECONDS)
        meeting.let_go()  # its engine ends its score, and nobody is there to take it
        meeting.open()
        enqueue(jobs.service, job)
        with worker(resources, tmp_path / "second", host="host-b"):
            done = jobs.wait_for(job, State.SUCCEEDED)
        zombie.signal(signal.SIGCONT)
        zombie.signal(signal.SIGTERM)
        assert zombie.wait() == 0
    assert (done.host, done.attempt, done.failures) == ("host-b", 2, 1)
    assert jobs.now(job) == done
    assert jobs.results(job) == [done.result_key]


def test_a_worker_that_was_overtaken_leaves_no_result_either_while_the_other_still_scores(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(faulty, tmp_path / "zombie", prefetch="0") as zombie:
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        jobs.wait_begun(job)
        zombie.signal(signal.SIGSTOP)
        jobs.age_claim(job, CLAIM_SECONDS + GRACE_SECONDS)
        meeting.let_go()
        enqueue(jobs.service, job)
        with worker(faulty, tmp_path / "second", host="host-b") as second:
            meeting.wait_begun()
            zombie.signal(signal.SIGCONT)
            zombie.signal(signal.SIGTERM)
            assert zombie.wait() == 0
            assert "claim_was_lost" in zombie.log.read_text()
            assert jobs.results(job) == []
            meeting.let_go()
            [done] = end_well(jobs, [job], second, gateway=gateway)
    assert (done.host, done.attempt, done.failures) == ("host-b", 2, 1)


def test_a_seat_that_dies_while_nobody_needs_it_costs_the_next_job_nothing(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker(resources, tmp_path / "worker") as process:
        [seat] = seats(process)
        seat.kill()
        [done] = end_well(jobs, [jobs.start(QUICK)], process)
    assert (done.attempt, done.failures) == (1, 0)


def test_a_worker_that_cannot_start_ends_and_says_why(resources: Resources, tmp_path: Path) -> None:
    process = WorkerProcess(resources, tmp_path)
    process.command = [sys.executable, "-c", NO_THREADS]
    try:
        assert process.run_to_its_end() == 1
    finally:
        process.end()
    [line] = [line for line in process.log.read_text().splitlines() if "start_failed" in line]
    assert "can't start new thread" in line


def test_files_that_vanish_under_a_seat_cost_that_job_an_attempt_and_not_the_seat(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "worker") as process:
        jobs.start(meeting.order)
        meeting.wait_begun()
        robbed = jobs.start(QUICK)
        jobs.wait_for(robbed, State.RUNNING)
        while not (directory := process.directory / "work" / f"{robbed.id}-1").joinpath("scratch").exists():
            time.sleep(0.01)
        shutil.rmtree(directory)
        meeting.let_go()
        jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
        assert jobs.now(robbed).state in (State.QUEUED, State.RUNNING, State.SUCCEEDED)


def test_a_measuring_process_that_hangs_does_not_keep_the_worker_from_ending(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker(resources, tmp_path / "worker", drain_seconds="1") as process:
        measuring_process(process).suspend()
        job = jobs.start(QUICK)
        jobs.wait_for(job, State.RUNNING)
        process.signal(signal.SIGTERM)
        assert process.wait(ENDS_WITHIN) == 0
    now = jobs.now(job)
    assert (now.state, now.failures) == (State.QUEUED, 0)


def test_a_measuring_process_that_dies_costs_its_neighbours_nothing(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    with worker(resources, tmp_path / "worker", prefetch="6") as process:
        measuring = measuring_process(process)
        measuring.suspend()
        started = [jobs.start(QUICK) for _ in range(5)]
        jobs.wait_all(started, State.RUNNING)
        measuring.kill()
        ended = end_well(jobs, started, process)
    assert sorted(job.failures for job in ended) in ([0] * 5, [0, 0, 0, 0, 1])


def test_a_cloud_that_is_gone_does_not_keep_the_worker_from_ending(tmp_path: Path) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    (tmp_path / "cloud").mkdir()
    with running(tmp_path / "cloud") as cloud:
        resources = fresh(cloud)
        with worker(resources, tmp_path / "worker", drain_seconds="1") as process:
            GivenJobs(resources).start(meeting.order)
            meeting.wait_begun()
            cloud.process.kill()
            cloud.process.wait()
            meeting.let_go()
            process.signal(signal.SIGTERM)
            assert process.wait(ENDS_WITHIN) == 0


def test_a_pause_file_that_nobody_can_read_pauses_until_it_is_gone(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    pause = tmp_path / "worker" / "state" / "pause.json"
    pause.parent.mkdir(parents=True)
    pause.write_bytes(b"\xff\xfe")
    with worker(resources, tmp_path / "worker"):
        job = jobs.start(QUICK)
        pause.unlink()
        jobs.wait_for(job, State.SUCCEEDED)


def test_what_is_not_the_workers_stays_in_its_directory_and_no_second_one_works_there(
    resources: Resources, tmp_path: Path
) -> None:
    precious = tmp_path / "worker" / "work" / "precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("kept")
    with worker(resources, tmp_path / "worker") as process:
        second = WorkerProcess(resources, tmp_path / "worker", host="host-b")
        assert second.run_to_its_end() == 1
        assert "Another worker" in second.log.read_text()
        assert process.process
        assert process.process.poll() is None
    assert precious.read_text() == "kept"
