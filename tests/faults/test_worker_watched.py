"""What systemd hears of a worker: that it is ready, how it is, and that it lives while every loop of it turns."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.readiness import READY, VARIABLE, Listener
from shared.states import State
from tests.cloud import Resources
from tests.stand_ins.ordered_engine import Meeting
from tests.stand_ins.polqa_tools import install
from tests.worker_process import GivenJobs, WorkerProcess
from worker.notify import ALIVE, STOPPING, status
from worker.pause import Pause, PauseFile
from worker.status import FILE

LIMIT_SECONDS = 4
BEATS = 5  # more than there are within the limit
PATIENCE_SECONDS = 60


class WatchedWorker(WorkerProcess):
    """A worker whose messages to systemd are kept."""

    listener: Listener

    def start(self) -> WatchedWorker:
        """Start it; it may not be ready yet."""
        self._spawn({VARIABLE: self.listener.address, "WATCHDOG_USEC": str(LIMIT_SECONDS * 1_000_000)})
        return self

    def wait_for(self, line: str, times: int = 1) -> list[str]:
        """Every line that it told until that one came so often."""
        told: list[str] = []
        self.listener.socket.settimeout(PATIENCE_SECONDS)
        while told.count(line) < times:
            told += self.listener.receive()
        return told

    def told_so_far(self) -> list[str]:
        """Every line that is there to be read."""
        told: list[str] = []
        self.listener.socket.setblocking(False)
        try:
            while True:
                told += self.listener.receive()
        except BlockingIOError:
            return told

    def stuck(self) -> list[str]:
        """The loops that its log calls stuck, once a look."""
        events = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [event["loop"] for event in events if event["event"] == "loop_stuck"]


@contextmanager
def watched(resources: Resources, directory: Path, **settings: str) -> Iterator[WatchedWorker]:
    directory.mkdir(exist_ok=True)
    with Listener() as listener:
        process = WatchedWorker(resources, directory, **settings)
        process.listener = listener
        try:
            yield process.start()
        finally:
            process.end()


def test_it_is_heard_of_idle_and_while_no_place_is_free_and_paused(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with watched(resources, tmp_path / "worker", prefetch="0") as process:
        process.wait_for(READY)
        process.wait_for(ALIVE, BEATS)
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        process.wait_for(ALIVE, BEATS)
        PauseFile(tmp_path / "worker" / "state").set(Pause(reason="a test"))
        process.wait_for(status("paused"))
        process.wait_for(ALIVE, BEATS)
        meeting.let_go()
        jobs.wait_for(job, State.SUCCEEDED)
        assert process.stuck() == []


def test_a_loop_that_hangs_is_named_and_nothing_more_is_heard_until_systemd_ends_it(
    resources: Resources, tmp_path: Path
) -> None:
    state = tmp_path / "worker" / "state"
    with watched(resources, tmp_path / "worker") as process:
        process.wait_for(READY)
        process.wait_for(ALIVE)
        while True:  # whoever writes to a FIFO that nobody reads waits for ever
            try:
                os.mkfifo(state / FILE.replace("json", "new"))
                break
            except FileExistsError:
                time.sleep(0.01)
        wait_until_stuck(process, looks=1)
        process.told_so_far()
        wait_until_stuck(process, looks=3)
        assert set(process.stuck()) == {"teller"}
        assert ALIVE not in process.told_so_far()
        process.signal(signal.SIGABRT)  # as systemd does then
        assert process.wait() == -signal.SIGABRT
    assert "in _tell\n" in process.log.read_text()


def wait_until_stuck(process: WatchedWorker, looks: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(process.stuck()) < looks:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_start_is_given_time_while_seats_warm_up_and_a_drain_as_much_as_it_is_allowed(
    resources: Resources, tmp_path: Path
) -> None:
    with watched(resources, tmp_path / "worker", poll_seconds="1", drain_seconds="7") as process:
        told = process.wait_for(READY)
        assert [line for line in told if line.startswith("EXTEND_TIMEOUT_USEC=")]
        assert status("warming seats 0/1") in told
        process.wait_for(status("ready"))
        process.signal(signal.SIGTERM)
        told = process.wait_for(STOPPING)
        told += process.wait_for(status("draining"))
        assert process.wait() == 0
        told += process.told_so_far()
    assert "EXTEND_TIMEOUT_USEC=23000000" in told
    assert READY not in told


def test_a_licence_is_a_state_and_no_condition_of_readiness(resources: Resources, tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    engine = install(tmp_path / "tool", "opticom-table", "licence")
    with watched(resources, tmp_path / "worker", engine=engine, hold_seconds="600") as process:
        process.wait_for(READY)
        process.wait_for(status("licence lost; held: nb, swb"))
