"""The accounts of a real worker: what its minutes say adds up with what the table says, and its log is shipped."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from api import starting
from shared.job import Role
from shared.states import State
from tests.cloud import Resources
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.cloudwatch_logs import Group, served
from tests.stand_ins.ordered_engine import Meeting
from tests.wavs import wav
from tests.worker_process import LOOK_SECONDS, GivenJobs, WorkerProcess, worker
from worker.log_shipping import FLUSH_SECONDS

ENDPOINT = "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"
RECEIVE = "sqs.ReceiveMessage"
QUICK_SECONDS = 0.2
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": QUICK_SECONDS}
BAD: dict[str, JsonValue] = {"do": "fail", "failure_class": "bad_input"}


def lines(process: WorkerProcess) -> list[str]:
    """What the worker itself wrote to its log; its children's lines are in the same file."""
    return [line for line in process.log.read_text().splitlines() if '"component": "worker"' in line]


def events(process: WorkerProcess, name: str) -> list[dict[str, JsonValue]]:
    return [line for line in map(json.loads, lines(process)) if line["event"] == name]


def wait_for(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)


def told(process: WorkerProcess) -> Counter[str]:
    """The sums of all its minutes' numbers."""
    total: Counter[str] = Counter()
    for minute in events(process, "minute"):
        total.update({name: value for name, value in minute.items() if isinstance(value, int | float)})
    return total


def end(process: WorkerProcess) -> int:
    process.signal(signal.SIGTERM)
    return process.wait()


def test_the_minutes_add_up_with_the_table(jobs: GivenJobs, resources: Resources, tmp_path: Path) -> None:
    stopped, cancelled = (Meeting.at(tmp_path / name) for name in ("stopped", "cancelled"))
    with worker(resources, tmp_path / "worker", seats="2", drain_seconds="0") as process:
        began = time.monotonic()
        scored = [jobs.start(QUICK) for _ in range(6)]
        refused = jobs.start(BAD)
        silent = jobs.create(QUICK)
        jobs.service.s3.put_object(Bucket=resources.bucket, Key=silent.file(Role.DEGRADED).key, Body=wav())
        starting.start(jobs.service, silent)
        jobs.wait_all([*scored, refused, silent], State.SUCCEEDED, State.FAILED)
        gone = jobs.start(cancelled.order)
        cancelled.wait_begun()
        jobs.service.jobs.cancel(jobs.now(gone))
        cancelled.let_go()
        running = jobs.start(stopped.order)
        stopped.wait_begun()
        lasted = time.monotonic() - began
        assert end(process) == 0
    table = Counter(jobs.now(job).state for job in [*scored, refused, silent, gone, running])
    total = told(process)
    assert table == {State.SUCCEEDED: 7, State.FAILED: 1, State.CANCELLED: 1, State.QUEUED: 1}
    assert (total["ended_succeeded"], total["ended_no_signal"]) == (6, 1)
    assert (total["ended_failed_bad_input"], total["ended_cancelled"], total["ended_put_back"]) == (1, 1, 1)
    assert sum(count for name, count in total.items() if name.startswith("ended_")) == total["claimed"] == 10
    assert total["received_interactive"] == total["claimed"] + total["unclaimed"]
    assert (total["attempts_failed"], total["attempts_failed_bad_input"]) == (1, 1)
    assert [codes for minute in events(process, "minute") if (codes := minute["failed_codes"])] == [
        {"bad_input/told_to": 1}
    ]
    assert 6 * QUICK_SECONDS <= total["busy_seconds"] <= 2 * total["seconds"]
    assert total["seconds"] > lasted


def test_an_idle_worker_writes_no_line_but_its_minutes(
    faulty: Resources, gateway: FaultyGateway, tmp_path: Path
) -> None:
    with worker(faulty, tmp_path) as process:
        wait_for(lambda: bool(events(process, "worker_ready")))
        written, polls = len(lines(process)), gateway.calls[RECEIVE]
        wait_for(lambda: gateway.calls[RECEIVE] >= polls + 6)
        assert [line for line in lines(process)[written:] if "notify_failed" not in line] == []  # nobody listens here
        assert end(process) == 0
    assert told(process)["receive_calls"] >= 6


# Log shipping


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[Group]:
    """An empty log group, which a worker reaches that is started from here on."""
    group = Group()
    with served(group) as address:
        monkeypatch.setenv(ENDPOINT, address)
        yield group


def test_every_line_is_in_the_log_group_once_the_worker_has_ended(
    jobs: GivenJobs, resources: Resources, tmp_path: Path, group: Group
) -> None:
    with worker(resources, tmp_path / "worker", log_group="/mosaic/worker") as process:
        jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
        assert end(process) == 0
    [(stream, shipped)] = group.streams.items()
    assert stream.startswith("host-a/")
    assert shipped == lines(process)
    assert json.loads(shipped[-1])["event"] == "drained"


def test_without_its_log_group_the_worker_works_all_the_same_and_says_so_once(
    jobs: GivenJobs, resources: Resources, tmp_path: Path, group: Group
) -> None:
    group.fail = lambda _call: "ResourceNotFoundException"
    with worker(resources, tmp_path / "worker", log_group="/mosaic/nobody-made-it") as process:
        jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
        group.wait_for(lambda: len(group.calls) > 4)
        assert end(process) == 0
    [trouble] = events(process, "logs_not_shipped")
    assert "ResourceNotFoundException" in str(trouble["error"])
    [left] = events(process, "logs_left")
    assert left["lines"] == len(lines(process)) - 2  # these two lines themselves are on standard output only


def test_an_endpoint_for_logs_that_hangs_holds_up_neither_a_job_nor_the_end(
    jobs: GivenJobs, resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.getsockname()[1]}")
        with worker(resources, tmp_path / "worker", log_group="/mosaic/hanging") as process:
            server.settimeout(20)
            connection, _ = server.accept()
            jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
            began = time.monotonic()
            assert end(process) == 0
            assert time.monotonic() - began < FLUSH_SECONDS + 10
        connection.close()
    assert events(process, "logs_left")
