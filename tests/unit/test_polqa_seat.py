"""POLQA in a seat: the licensed tool runs beneath the seat's child process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stand_ins.polqa_cli import WARNINGS
from tests.stand_ins.polqa_tools import install, pair
from tests.stand_ins.seat_runs import PATIENCE, Processes
from worker.cancellation import Cancellation
from worker.engines.engine import EngineError, FailureClass, Score
from worker.seat import Seat, SeatStopped
from worker.spawner import Spawner


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()


@pytest.fixture
def seat(spawner: Spawner, tmp_path: Path) -> Iterator[Seat]:
    seat = Seat(install(tmp_path, "opticom-table"), 0, {}, spawner)
    seat.start()
    seat.wait_ready(PATIENCE)
    yield seat
    seat.stop()


def score(seat: Seat, directory: Path, orders: str, cancelled: Cancellation) -> Score:
    (directory / "scratch").mkdir(exist_ok=True)
    return seat.score(*pair(directory, orders), "swb", directory / "scratch", PATIENCE, cancelled)


def test_scores_and_failures_of_every_class_come_through_and_the_seat_goes_on(seat: Seat, tmp_path: Path) -> None:
    classes = {
        "exit:6": FailureClass.BAD_INPUT,
        "crash": FailureClass.TRANSIENT,
        "exit:12": FailureClass.THROTTLED,
        "licence": FailureClass.LICENCE,
        "exit:14": FailureClass.CONFIG,
    }
    with Cancellation() as never:
        for orders, failure_class in classes.items():
            with pytest.raises(EngineError) as caught:
                score(seat, tmp_path, orders, never)
            assert caught.value.failure_class is failure_class
        assert score(seat, tmp_path, "score:2.5", never).mos_lqo == 2.5
    assert seat.is_alive()


def test_the_tools_warnings_come_through(seat: Seat, tmp_path: Path) -> None:
    with Cancellation() as never:
        assert score(seat, tmp_path, "warnings", never) == Score(3.25, {"columns": {"AvgDelay": 40.5}}, tuple(WARNINGS))


def test_a_licence_that_is_lost_and_found_again_needs_no_new_seat(spawner: Spawner, tmp_path: Path) -> None:
    orders = tmp_path / "orders"
    orders.write_text("ok")
    seat = Seat(install(tmp_path, "swissqual-squad", f"@{orders}"), 0, {}, spawner)
    seat.start()
    seat.wait_ready(PATIENCE)
    with Cancellation() as never:
        orders.write_text("licence")
        with pytest.raises(EngineError) as caught:
            score(seat, tmp_path, "", never)
        assert caught.value.failure_class is FailureClass.LICENCE
        orders.write_text("ok")
        assert score(seat, tmp_path, "", never).mos_lqo == 3.25
    seat.stop()


def test_a_seat_whose_tool_has_no_licence_says_so(spawner: Spawner, tmp_path: Path) -> None:
    seat = Seat(install(tmp_path, "opticom-stdout", "licence"), 0, {}, spawner)
    seat.start()
    with pytest.raises(EngineError) as caught:
        seat.wait_ready(PATIENCE)
    assert caught.value.failure_class is FailureClass.LICENCE


def test_cancelling_ends_the_tool_and_what_it_started(seat: Seat, tmp_path: Path) -> None:
    fifo = tmp_path / "begun"
    os.mkfifo(fifo)
    with ThreadPoolExecutor(1) as thread, Cancellation() as cancelled:
        outcome = thread.submit(score, seat, tmp_path, f"hang:{fifo}", cancelled)
        processes = Processes(json.loads(fifo.read_text()))
        cancelled.set()
        assert isinstance(outcome.exception(PATIENCE), SeatStopped)
        assert processes.all_end()
        processes.close()
