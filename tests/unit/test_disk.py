"""The disk that the worker works on: below its floor it is low, and says so once."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import CapturingLogger

from tests.clock import SettableClock
from tests.stand_ins import engine as stand_in
from tests.stand_ins.seat_runs import PATIENCE
from worker import commands, disk
from worker.audio import recording
from worker.cancellation import Cancellation
from worker.disk import HELD_SECONDS, LONGEST_HELD_SECONDS, LOOK_SECONDS, Disk, is_full
from worker.engines.engine import EngineError, FailureClass
from worker.pause import Pause, PauseFile
from worker.seat import Seat
from worker.spawner import Spawner

FLOOR = 1000
FULL_DEVICE = Path("/dev/full")

needs_full_device = pytest.mark.skipif(not FULL_DEVICE.exists(), reason="this system has no /dev/full")


class FileSystem:
    """As much of `shutil.disk_usage` as is asked for, and something that can be evicted from it."""

    def __init__(self) -> None:
        self.free = FLOOR
        self.kept = 0
        self.looks = 0

    def disk_usage(self, _: Path) -> FileSystem:
        self.looks += 1
        return self

    def evict(self) -> None:
        self.free += self.kept
        self.kept = 0


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> FileSystem:
    files = FileSystem()
    monkeypatch.setattr(disk, "shutil", files)
    return files


@pytest.fixture
def low(files: FileSystem, clock: SettableClock) -> Callable[[], bool]:
    """Whether it is low, some time after it was last asked."""
    watched = Disk(Path("/work"), FLOOR, files.evict, clock)

    def asked_later() -> bool:
        clock.move(LOOK_SECONDS)
        return watched.low()

    return asked_later


def test_it_is_low_while_less_than_its_floor_is_free(low: Callable[[], bool], files: FileSystem) -> None:
    assert not low()
    files.free = FLOOR - 1
    assert low()
    files.free = 2 * FLOOR
    assert not low()


def test_what_is_kept_for_later_goes_before_work_stops(low: Callable[[], bool], files: FileSystem) -> None:
    files.free, files.kept = 0, FLOOR
    assert not low()
    assert files.kept == 0


def test_what_is_kept_stays_while_there_is_room(low: Callable[[], bool], files: FileSystem) -> None:
    files.kept = 1
    low()
    assert files.kept == 1


def test_jobs_that_come_and_go_at_the_floor_do_not_close_and_open_it_by_turns(
    low: Callable[[], bool], files: FileSystem
) -> None:
    files.free = FLOOR - 1
    assert low()
    files.free = FLOOR + 1
    assert low()


def test_it_is_looked_at_once_a_second_however_often_it_is_asked(files: FileSystem, clock: SettableClock) -> None:
    watched = Disk(Path("/work"), FLOOR, files.evict, clock)
    for _ in range(100):
        watched.low()
    assert files.looks == 1


def test_each_change_is_logged_once_with_what_there_is_and_what_to_do(
    low: Callable[[], bool], files: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(disk, "log", log)
    for free in (FLOOR, 7, 7, 2 * FLOOR, 2 * FLOOR):
        files.free = free
        low()
    assert [(call.method_name, *call.args) for call in log.calls] == [("error", "disk_low"), ("info", "disk_well")]
    assert [call.kwargs["free_bytes"] for call in log.calls] == [7, 2 * FLOOR]
    assert {(call.kwargs["floor_bytes"], call.kwargs["directory"]) for call in log.calls} == {(FLOOR, "/work")}
    assert "Free space" in log.calls[0].kwargs["to_do"]


def test_after_a_write_failed_it_is_low_for_a_while_whatever_seems_to_be_free(
    files: FileSystem, clock: SettableClock
) -> None:
    files.free, files.kept = 9 * FLOOR, 1
    watched = Disk(Path("/work"), FLOOR, files.evict, clock)
    watched.ran_out()
    assert files.kept == 0
    clock.move(HELD_SECONDS - 0.1)
    assert watched.low()
    clock.move(0.1)
    assert not watched.low()


def test_a_quota_that_shows_in_no_figure_is_tried_and_told_ever_more_seldom(
    files: FileSystem, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(disk, "log", log)
    files.free = 9 * FLOOR
    watched = Disk(Path("/work"), FLOOR, files.evict, clock)
    for _ in range(3600):  # a job comes each second that it may, and finds no room
        if not watched.low():
            watched.ran_out()
        clock.move(1)
    assert len([call for call in log.calls if call.args == ("disk_low",)]) < 20
    clock.move(2 * LONGEST_HELD_SECONDS)
    assert not watched.low()
    clock.move(2 * LONGEST_HELD_SECONDS)
    watched.ran_out()
    clock.move(HELD_SECONDS)
    assert not watched.low(), "what is new is tried again soon"


def test_a_directory_that_is_gone_has_no_room(tmp_path: Path) -> None:
    assert Disk(tmp_path / "gone", FLOOR, lambda: None).low()


def test_a_directory_of_this_machine_has_room_for_a_byte(tmp_path: Path) -> None:
    assert not Disk(tmp_path, 1, lambda: None).low()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, ""), True),
        (OSError(errno.EDQUOT, ""), True),
        (OSError(errno.EIO, ""), False),
        (ValueError(errno.ENOSPC), False),
    ],
)
def test_only_want_of_room_makes_a_disk_full(error: Exception, full: bool) -> None:
    assert is_full(error) is full


@needs_full_device
def test_a_prepared_file_that_finds_no_room_is_an_error_of_the_system_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "prepared.wav.partial").symlink_to(FULL_DEVICE)
    samples = np.zeros(100_000, dtype="<i2")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number says which
        recording.write(tmp_path / "prepared.wav", samples, 16000)
    assert is_full(caught.value)
    assert list(tmp_path.iterdir()) == []


@needs_full_device
def test_an_engine_without_room_to_write_puts_its_job_off_and_costs_it_nothing(tmp_path: Path) -> None:
    spawner = Spawner()
    spawner.start()
    seat = Seat(stand_in.NAME, 0, {}, spawner)
    seat.start()
    try:
        seat.wait_ready(PATIENCE)
        order = tmp_path / "reference"
        order.write_text(f'{{"do": "write", "path": "{FULL_DEVICE}"}}')
        with pytest.raises(EngineError) as caught:
            seat.score(order, order, "any", tmp_path, PATIENCE, Cancellation())
    finally:
        seat.stop()
        spawner.stop()
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.THROTTLED, "disk_full")


@needs_full_device
def test_a_pause_that_cannot_be_kept_is_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOSAIC_STATE_DIRECTORY", str(tmp_path))
    before = Pause(reason="maintenance")
    PauseFile(tmp_path).set(before)
    (tmp_path / "pause.new").symlink_to(FULL_DEVICE)
    assert commands.main(["pause", "--reason", "upgrade"]) == commands.NOT_WELL
    told = capsys.readouterr()
    assert "Paused" not in told.out
    assert "No space left" in told.err
    assert PauseFile(tmp_path).get() == before
