"""The seats, with a stand-in engine in real child processes: what becomes of the jobs that they take."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from unittest.mock import create_autospec

import psutil
import pytest
from structlog.testing import CapturingLogger

from shared.claims import Claims
from shared.pools import Lane, Pool
from tests.jobs_for_tests import new_job
from tests.stand_ins import engine as stand_in
from worker.accounts import Accounts
from worker.breaker import IN_A_ROW, Breaker
from worker.disk import Disk
from worker.engines.engine import EngineError, FailureClass
from worker.handoff import Handoff
from worker.job_files import SCRATCH
from worker.places import Places
from worker.seat import Seat, SeatStopped
from worker.seats import IDLE_DEATHS, Seats
from worker.spawner import Spawner
from worker.work import Crashed, Failed, Findings, Finished, Message, Outcome, Scored, Unscored, Work

T = TypeVar("T")

PATIENCE = 30.0
MODE = "any"
LOST = EngineError(FailureClass.LICENCE, "no_licence", "The licence is lost.")
FULL_DEVICE = Path("/dev/full")


class Stage:
    """Seats, and what is on both sides of them."""

    def __init__(
        self, directory: Path, spawner: Spawner, family: str, self_test: dict[str, object], count: int = 1
    ) -> None:
        description = stand_in.StandInEngine().describe()
        self.directory = directory
        self.ready, self.outbox = Handoff[Work](9), Handoff[Finished](9)
        self.places, self.breaker = Places(9), Breaker([MODE], 600)
        self.disk = Disk(directory, 0, lambda: None)
        self.accounts = create_autospec(Accounts, instance=True)
        self.seats = Seats(
            engine=stand_in.NAME,
            description=description,
            pool=Pool(
                name="p", engine=description.name, version_family=family, modes=description.modes, default_mode=MODE
            ),
            count=count,
            environment={stand_in.SELF_TEST: json.dumps(self_test)},
            spawner=spawner,
            disk=self.disk,
            breaker=self.breaker,
            claims=create_autospec(Claims, instance=True),
            places=self.places,
            accounts=self.accounts,
            ready=self.ready,
            outbox=self.outbox,
        )

    def give(self, **order: object) -> None:
        """A job with that order, examined and in its place."""
        directory = self.directory / f"job-{time.monotonic_ns()}"
        (directory / SCRATCH).mkdir(parents=True)
        reference = directory / "reference.wav"
        reference.write_text(json.dumps(order))
        work = Work(Message("m", Lane.BULK, "{}", "receipt", 1))
        work.job = new_job().model_copy(update={"mode": MODE})
        work.directory = directory
        work.findings = Findings(reference, reference, 1, {}, [], [], silent=False)
        work.place = self.places.take(Lane.BULK, 0)
        self.ready.put(work)

    def outcome(self) -> Outcome:
        """What became of the next job that is done with."""
        finished = self.outbox.take()
        assert finished
        finished[0].cancelled.close()
        return finished[1]

    def score(self, **order: object) -> Outcome:
        """What becomes of a job with that order."""
        self.give(**order)
        return self.outcome()


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    log = CapturingLogger()
    monkeypatch.setattr("worker.seats.log", log)
    return log


@contextmanager
def started(directory: Path, spawner: Spawner, family: str = "1", **self_test: object) -> Iterator[Stage]:
    stage = Stage(directory, spawner, family, self_test or {"do": "score"})
    stage.seats.start()
    try:
        yield stage
    finally:
        stage.seats.hurry()
        stage.seats.stop()


@pytest.fixture
def stage(tmp_path: Path, spawner: Spawner) -> Iterator[Stage]:
    with started(tmp_path, spawner) as stage:
        assert stage.seats.wait_warm(PATIENCE)
        yield stage


def children() -> list[psutil.Process]:
    """The seats' processes that are alive; whatever other tests left to be reaped is none."""
    found = []
    for one in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "worker.seat_child" in " ".join(one.cmdline()):
                found.append(one)
    return found


def child() -> psutil.Process:
    """The process of the one seat."""
    [found] = children()
    return found


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE)


def test_a_seat_that_died_while_it_waited_costs_the_next_job_nothing(stage: Stage) -> None:
    kill(child())
    assert isinstance(stage.score(do="score"), Scored)
    assert stage.places.in_hand == 0


def test_a_job_that_came_to_a_dead_seat_goes_back_when_the_worker_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_instead(seat: Seat) -> None:
        stage.seats.take_no_more()
        raise OSError("no process to be had")

    monkeypatch.setattr(Seat, "start", end_instead)
    kill(child())
    stage.give(do="score")
    stage.seats.stop()
    assert stage.outcome() is Unscored.RETURNED


def test_a_job_that_came_to_a_dead_seat_that_does_not_come_up_is_put_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_now(seat: Seat) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Seat, "start", not_now)
    kill(child())
    assert stage.score(do="score") is Unscored.PUT_OFF
    monkeypatch.undo()
    wait_until(lambda: stage.seats.up)
    assert isinstance(stage.score(do="score"), Scored)


def test_a_seat_whose_first_word_is_odd_is_tried_again(tmp_path: Path, spawner: Spawner, log: CapturingLogger) -> None:
    odd = {"do": "say", "message": '{"version": ["of", "what"]}'}
    with started(tmp_path, spawner, do="once", path=str(tmp_path / "said"), then=odd) as stage:
        assert stage.seats.wait_warm(PATIENCE)
        assert isinstance(stage.score(do="score"), Scored)
    assert [call.args[0] for call in log.calls] == ["seat_not_up", "seat_up"]


def test_why_a_seat_does_not_come_up_is_told_once(
    tmp_path: Path, spawner: Spawner, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.seats.RESTART_SECONDS", 0.01)
    tries = tmp_path / "tries"
    tries.touch()

    def not_now(seat: Seat) -> None:
        tries.write_text(tries.read_text() + "x")
        raise OSError("no process to be had")

    monkeypatch.setattr(Seat, "start", not_now)
    with started(tmp_path, spawner):
        wait_until(lambda: len(tries.read_text()) > 5)
    assert [call.args[0] for call in log.calls] == ["seat_not_up"]


def test_a_hurry_while_a_seat_is_being_started_is_not_lost(
    tmp_path: Path, spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, stage = Seat.start, Stage(tmp_path, spawner, "1", {"do": "exit", "code": 0})

    def hurried_meanwhile(seat: Seat) -> None:
        stage.seats.hurry()
        start(seat)

    waited: list[Seat] = []

    def wait_ready(seat: Seat, limit_seconds: float) -> str:
        waited.append(seat)  # for as long as it takes, and nobody will stop it any more
        raise SeatStopped("the test ends")

    monkeypatch.setattr(Seat, "start", hurried_meanwhile)
    monkeypatch.setattr(Seat, "wait_ready", wait_ready)
    stage.seats.start()
    stage.seats.stop()
    assert waited == []
    assert not children()


@pytest.mark.skipif(not FULL_DEVICE.exists(), reason="this system has no /dev/full")
def test_an_engine_without_room_to_write_makes_the_disk_low(stage: Stage) -> None:
    assert not stage.disk.low()
    outcome = stage.score(do="write", path=str(FULL_DEVICE))
    assert isinstance(outcome, Failed)
    assert outcome.error.failure_class is FailureClass.THROTTLED
    assert stage.disk.low()


@pytest.mark.parametrize(
    ("order", "kind", "counts"),
    [
        ({"do": "score"}, Scored, True),
        ({"do": "fail", "failure_class": "bad_input"}, Failed, False),
        ({"do": "exit", "code": 3}, Crashed, False),
    ],
    ids=["scored", "refused", "crashed"],
)
def test_only_what_has_a_score_counts_for_the_mean(
    stage: Stage, order: dict[str, object], kind: type[Outcome], counts: bool
) -> None:
    assert isinstance(stage.score(**order), kind)
    [call] = stage.accounts.scored.call_args_list
    assert call.kwargs == {"counts": counts}


def test_an_engine_that_is_fit_again_lets_its_mode_go_on_though_no_job_comes(tmp_path: Path, spawner: Spawner) -> None:
    lost = {"do": "fail", "failure_class": "licence"}
    with started(tmp_path, spawner, do="once", path=str(tmp_path / "lost"), then=lost) as stage:
        wait_until(lambda: stage.breaker.held(MODE))
        wait_until(lambda: stage.seats.up)
        assert not stage.breaker.held(MODE)


def test_an_engine_at_another_version_than_its_pools_never_scores(tmp_path: Path, spawner: Spawner) -> None:
    with started(tmp_path, spawner, family="2") as stage:
        wait_until(lambda: stage.breaker.held(MODE))
        assert stage.breaker.all_held() is FailureClass.CONFIG
        assert not stage.seats.up
        assert stage.score(do="score") is Unscored.PUT_OFF


def test_a_seat_that_dies_without_a_job_is_told_with_its_cause_and_comes_up_again(
    stage: Stage, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.seats.LOOK_SECONDS", 0.01)
    assert isinstance(stage.score(do="score"), Scored)  # from here on it looks that often
    first = child()
    first.kill()
    wait_until(lambda: [one.pid for one in children() if one != first and one.status() != psutil.STATUS_ZOMBIE])
    assert [(call.args[0], call.kwargs) for call in log.calls] == [("seat_died", {"cause": "signal 9 (Killed)"})]


def test_a_seat_that_dies_again_and_again_is_started_ever_more_seldom_and_jobs_are_put_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Seat] = []
    start = Seat.start

    def doomed(seat: Seat) -> None:
        started.append(seat)
        start(seat)

    monkeypatch.setattr("worker.seats.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(Seat, "start", doomed)
    monkeypatch.setattr(Seat, "is_alive", lambda seat: False)
    assert stage.score(do="score") is Unscored.PUT_OFF
    assert len(started) < IDLE_DEATHS


def test_the_end_waits_for_no_seat_that_only_warms_up(tmp_path: Path, spawner: Spawner) -> None:
    os.mkfifo(tmp_path / "nobody reads")
    with started(tmp_path, spawner, do="write", path=str(tmp_path / "nobody reads")) as stage:
        wait_until(children)
        assert not stage.seats.wait_warm(1)
        began = time.monotonic()
        stage.seats.stop()
        assert time.monotonic() - began < PATIENCE / 2


def test_a_version_that_was_replaced_under_one_seat_stops_the_others_too(
    tmp_path: Path, spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, spawner, "1", {"do": "score"}, count=2)
    versions = iter(["1.0", "1.1"])
    monkeypatch.setattr(Seat, "wait_ready", lambda seat, limit_seconds: next(versions, "2.0"))
    stage.seats.start()
    try:
        assert stage.seats.wait_warm(PATIENCE)
        assert stage.seats.wait_warm(PATIENCE)
        children()[0].kill()
        wait_until(lambda: stage.breaker.held(MODE))
        wait_until(lambda: not stage.seats.up)
        assert stage.seats.version != "2.0"
        assert stage.score(do="score") is Unscored.PUT_OFF
    finally:
        stage.seats.hurry()
        stage.seats.stop()


def test_a_tool_that_fails_job_after_job_holds_its_mode(stage: Stage) -> None:
    broken = {"do": "fail", "failure_class": "transient"}
    assert all(isinstance(stage.score(**broken), Failed) for _ in range(IN_A_ROW))
    assert stage.score(do="score") is Unscored.PUT_OFF
