"""How a host is: one word for people, and a line in the log when somebody pauses or resumes it."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock, create_autospec

import pytest
from structlog.testing import CapturingLogger

from shared.hosts import HostState
from shared.pools import Mode
from tests.clock import SettableClock
from worker.accounts import Accounts
from worker.breaker import Breaker
from worker.clock import Clock
from worker.condition import Condition
from worker.disk import Disk
from worker.engines.engine import Description, EngineError, FailureClass
from worker.measuring import Measuring
from worker.notify import status
from worker.pause import Pause, PauseFile
from worker.seats import Seats
from worker.settings import WorkerSettings

HOLD = 30.0
MODES = tuple(
    Mode(name=name, reference_rates_hz=(8000,), degraded_rates_hz=(8000,), same_rate=True, ceiling=4.5)
    for name in ("nb", "swb")
)
LOST = EngineError(FailureClass.LICENCE, "no_licence", "The licence is lost.")


@pytest.fixture
def breaker(clock: SettableClock) -> Breaker:
    return Breaker((mode.name for mode in MODES), HOLD, clock)


@pytest.fixture
def seats() -> Mock:
    made: Mock = create_autospec(Seats, instance=True)
    made.up, made.version = 1, "3.1"
    return made


@pytest.fixture
def measuring() -> Mock:
    made: Mock = create_autospec(Measuring, instance=True)
    made.up = True
    return made


@pytest.fixture
def condition(breaker: Breaker, seats: Mock, measuring: Mock, tmp_path: Path) -> Condition:
    well = create_autospec(Clock, instance=True)
    well.off.return_value = False
    well.return_value = 0.0
    accounts = create_autospec(Accounts, instance=True)
    accounts.busy, accounts.mean_seconds = 0, None
    return Condition(
        told=create_autospec(WorkerSettings, instance=True, host="h", pool="p", seats=1),
        engine=Description("polqa", "unknown", MODES, "swb"),
        pause=PauseFile(tmp_path),
        clock=well,
        disk=Disk(tmp_path, 0, lambda: None),
        breaker=breaker,
        seats=seats,
        measuring=measuring,
        accounts=accounts,
        stage=HostState.READY,
    )


def test_while_the_licence_of_every_mode_is_lost_the_host_says_so_be_it_that_a_job_may_try(
    condition: Condition, breaker: Breaker, clock: SettableClock
) -> None:
    for mode in MODES:
        breaker.hold(mode.name, LOST, alone=False)
    clock.move(HOLD)
    assert condition.closed() is None, "a job may try"
    assert condition.state() is HostState.LICENCE_LOST
    breaker.well("nb")
    assert condition.state() is HostState.READY
    assert condition.line() == status("ready; held: swb")


def test_a_held_mode_that_the_engine_does_not_have_is_shown(condition: Condition, breaker: Breaker) -> None:
    breaker.hold("fb", EngineError(FailureClass.CONFIG, "unknown_mode", "There is no fb."), alone=False)
    assert condition.state() is HostState.READY
    assert condition.line() == status("ready; held: fb")
    assert condition.readings()["held"] == ["fb"]


def test_while_nothing_can_be_measured_nothing_is_received_and_the_host_is_not_ready(
    condition: Condition, measuring: Mock
) -> None:
    measuring.up = False
    assert condition.closed() is HostState.STARTING
    assert condition.state() is HostState.STARTING


def test_a_host_tells_the_version_that_its_seats_found(condition: Condition) -> None:
    assert condition.host().version == "3.1"


def test_each_pause_and_its_end_is_one_line(
    condition: Condition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr("worker.condition.log", log)
    told = PauseFile(tmp_path)
    for pause in (None, Pause(reason="new dongle", until=4e9), Pause(reason="no licence"), None):
        told.set(pause) if pause else told.clear()
        for _ in range(3):
            assert (condition.closed() is HostState.PAUSED) is (pause is not None)
            condition.host()
    assert [(call.method_name, *call.args, call.kwargs) for call in log.calls] == [
        ("info", "paused", {"reason": "new dongle", "until": "2096-10-02T07:06:40+00:00"}),
        ("info", "paused", {"reason": "no licence", "until": None}),
        ("info", "resumed", {}),
    ]


@pytest.mark.parametrize("until", ["1790000000000", "-1", "1e999", "253402300800"])
def test_a_pause_until_a_time_that_cannot_be_pauses_and_says_that_it_cannot_be_read(
    condition: Condition, tmp_path: Path, until: str
) -> None:
    (tmp_path / "pause.json").write_text('{"reason": "in milliseconds", "until": ' + until + "}")
    assert condition.closed() is HostState.PAUSED
    pause = PauseFile(tmp_path).get()
    assert pause
    assert "cannot be read" in pause.reason
