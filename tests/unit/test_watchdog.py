"""Which loops are stuck, and what systemd is told of it."""

from __future__ import annotations

import os

import pytest

from sandbox.readiness import VARIABLE, Listener
from tests.clock import SettableClock
from worker.notify import ALIVE, more_time, notify, watchdog_seconds
from worker.watchdog import Watchdog

LIMIT = 9.0
SECONDS = 10


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def watchdog(clock: SettableClock) -> Watchdog:
    return Watchdog(LIMIT, clock)


def test_a_loop_that_turns_is_not_stuck_and_one_that_does_not_is_named(
    watchdog: Watchdog, clock: SettableClock
) -> None:
    watchdog.turn("keeper")
    watchdog.turn("teller")
    clock.move(LIMIT - 1)
    watchdog.turn("keeper")
    assert watchdog.stuck() == {}
    clock.move(1)
    assert watchdog.stuck() == {"teller": LIMIT}
    watchdog.turn("teller")
    assert watchdog.stuck() == {}


def test_a_loop_is_watched_from_its_first_turn_to_its_end(watchdog: Watchdog, clock: SettableClock) -> None:
    clock.move(LIMIT)
    assert watchdog.stuck() == {}
    watchdog.turn("poller-bulk")
    watchdog.ended("poller-bulk")
    clock.move(LIMIT)
    assert watchdog.stuck() == {}
    watchdog.ended("never begun")


def test_a_step_leaves_time_for_more_than_one_within_the_limit(watchdog: Watchdog) -> None:
    assert watchdog.step_seconds < LIMIT / 2


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"WATCHDOG_USEC": "180000000"}, 180),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_limit_is_systemds_where_it_watches_this_very_process(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], seconds: float | None
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert watchdog_seconds() == seconds


def test_lines_go_to_the_socket_that_asks_for_them_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener() as listener:
        monkeypatch.setenv(VARIABLE, listener.address)
        notify(ALIVE, more_time(1.5))
        listener.socket.settimeout(SECONDS)
        assert listener.receive() == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=1500000"]


def test_where_nobody_listens_any_more_telling_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener() as listener:
        monkeypatch.setenv(VARIABLE, listener.address)
    notify(ALIVE)
    monkeypatch.delenv(VARIABLE)
    notify(ALIVE)
