"""The measuring process: what it finds, whose fault it is, and that no reference is measured for nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import TypeVar
from unittest.mock import Mock

import pytest
from structlog.testing import CapturingLogger

from shared.job import AudioFile, Job, Prepare, Role
from tests.jobs_for_tests import new_job
from tests.unit.signals import noise, save, silence
from worker.disk import Disk
from worker.engines.engine import EngineError, FailureClass
from worker.examine import Refusal, Task, examine, serve
from worker.measuring import Measuring, MeasuringStopped
from worker.reference_cache import ReferenceCache, declared
from worker.spawner import Spawner
from worker.work import Findings

T = TypeVar("T")

RATE = 16000
PATIENCE = 30
FULL_DEVICE = Path("/dev/full")
RESAMPLED = Prepare.model_validate({"resample": 48000})

needs_full_device = pytest.mark.skipif(not FULL_DEVICE.exists(), reason="this system has no /dev/full")


@pytest.fixture
def references(tmp_path: Path) -> Iterator[ReferenceCache]:
    cache = ReferenceCache(tmp_path / "references", 10**9)
    cache.start()
    yield cache
    cache.stop()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """With a floor of nothing: only a write that failed makes it low."""
    return Disk(tmp_path, 0, lambda: None)


@pytest.fixture
def measuring(references: ReferenceCache, disk: Disk) -> Iterator[Measuring]:
    spawner = Spawner()
    spawner.start()
    measuring = Measuring(spawner, references, disk)
    measuring.start()
    yield measuring
    measuring.stop()
    spawner.stop()


def pair(directory: Path, *, seconds: float = 1) -> Path:
    """A job's directory, as it is once its files are fetched; two files of one length are never the same."""
    directory.mkdir()
    save(directory / "reference.wav", noise(seconds, RATE, seed=1), RATE)
    save(directory / "degraded.wav", noise(1, RATE, dbov=-30, seed=2), RATE)
    return directory


def job_of(directory: Path, prepare: Prepare | None = None) -> Job:
    """A job that declared the hash of its reference."""
    job, sha256 = new_job(), hashlib.sha256((directory / "reference.wav").read_bytes()).hexdigest()
    return job.model_copy(update={"reference": AudioFile(key=job.reference.key, sha256=sha256, prepare=prepare)})


def kept(references: ReferenceCache, directory: Path) -> Path:
    """The same directory, its reference being kept as one that was just downloaded."""
    reference = declared(job_of(directory))
    assert reference
    references.provide(reference, directory / "reference.wav", download=lambda: None)
    return directory


def reference_seconds(findings: Findings) -> object:
    return findings.audio[Role.REFERENCE]["seconds"]


def cannot_be_scored(task: Task) -> EngineError:
    with pytest.raises(EngineError) as caught:
        examine(task)
    assert caught.value.failure_class is FailureClass.BAD_INPUT
    return caught.value


@pytest.mark.parametrize("role", Role)
def test_a_file_that_cannot_be_scored_is_named(role: Role, tmp_path: Path) -> None:
    directory = pair(tmp_path / "job")
    (directory / f"{role}.wav").write_bytes(b"no sound at all")
    assert cannot_be_scored(Task(directory, "wb", {})).file is role


@pytest.mark.parametrize("role", Role)
def test_a_file_that_cannot_be_prepared_is_named(role: Role, tmp_path: Path) -> None:
    directory = pair(tmp_path / "job")
    left = Prepare.model_validate({"channel": "left"})
    error = cannot_be_scored(Task(directory, "wb", {role: left}))
    assert (error.code, error.file) == ("channel_of_mono", role)


def test_a_silent_reference_is_the_references_fault(tmp_path: Path) -> None:
    directory = pair(tmp_path / "job")
    save(directory / "reference.wav", silence(1, RATE), RATE)
    error = cannot_be_scored(Task(directory, "wb", {}))
    assert (error.code, error.file) == ("silent_reference", Role.REFERENCE)


@pytest.mark.parametrize("file", [None, *Role])
def test_a_refusal_comes_back_as_the_error_that_it_was(file: Role | None) -> None:
    error = EngineError(FailureClass.BAD_INPUT, "stereo", "Two channels.", file)
    back = Refusal.of(error).as_error()
    assert (back.args, back.file) == (error.args, file)


def test_what_the_process_refuses_names_the_file_too(measuring: Measuring, tmp_path: Path) -> None:
    directory = pair(tmp_path / "job")
    (directory / "degraded.wav").write_bytes(b"no sound at all")
    with pytest.raises(EngineError) as caught:
        measuring.examine(directory, job_of(directory))
    assert (caught.value.failure_class, caught.value.file) == (FailureClass.BAD_INPUT, Role.DEGRADED)


def test_a_reference_that_is_kept_is_measured_once(
    measuring: Measuring, references: ReferenceCache, tmp_path: Path
) -> None:
    first, second = kept(references, pair(tmp_path / "first")), pair(tmp_path / "second")
    found = measuring.examine(first, job_of(first))
    (second / "reference.wav").unlink()  # it would be missed if it were looked at
    again = measuring.examine(second, job_of(first))
    assert again.audio == found.audio
    assert [advice.code for advice in again.warnings] == [advice.code for advice in found.warnings]


def test_a_reference_that_is_not_kept_is_measured_each_time(measuring: Measuring, tmp_path: Path) -> None:
    first, second = pair(tmp_path / "first"), pair(tmp_path / "second", seconds=2)
    assert reference_seconds(measuring.examine(first, job_of(first))) == 1
    assert reference_seconds(measuring.examine(second, job_of(first))) == 2


def test_a_reference_that_is_prepared_is_measured_as_it_was_prepared(
    measuring: Measuring, references: ReferenceCache, tmp_path: Path
) -> None:
    directory = kept(references, pair(tmp_path / "job"))
    plain = measuring.examine(directory, job_of(directory))
    prepared = measuring.examine(directory, job_of(directory, RESAMPLED))
    plain_again = measuring.examine(directory, job_of(directory))
    rates = [found.audio[Role.REFERENCE]["sample_rate_hz"] for found in (plain, prepared, plain_again)]
    assert rates == [RATE, 48000, RATE]


@needs_full_device
def test_a_job_that_cannot_be_prepared_for_want_of_room_waits_at_no_cost_and_the_disk_is_low(
    measuring: Measuring, disk: Disk, tmp_path: Path
) -> None:
    assert not disk.low()
    directory = pair(tmp_path / "job")
    (directory / "reference-prepared.wav.partial").symlink_to(FULL_DEVICE)
    with pytest.raises(EngineError) as caught:
        measuring.examine(directory, job_of(directory, RESAMPLED))
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.THROTTLED, "disk_full")
    assert disk.low()


def test_a_job_whose_files_vanished_is_tried_again_and_the_log_alone_says_which(
    request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    measuring: Measuring = request.getfixturevalue("measuring")  # now, for it keeps the standard error of its start
    directory = pair(tmp_path / "job")
    job = job_of(directory)
    (directory / "degraded.wav").unlink()
    with pytest.raises(EngineError) as caught:
        measuring.examine(directory, job)
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSIENT, "measuring_failed")
    assert str(directory) not in caught.value.message
    [line] = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert (line["event"], line["component"], line["directory"]) == ("measuring_failed", "measuring", str(directory))
    assert "degraded.wav" in str(line["exception"])


class Killing(Spawner):
    """Its children do not live: each of those that `dooms` says."""

    def __init__(self, dooms: Callable[[int], bool] = lambda _: True) -> None:
        self.processes: list[BaseProcess] = []
        self.dooms = dooms

    def spawn(self, start_child: Callable[[], T]) -> T:
        child = super().spawn(start_child)
        self.processes.append(child.process)  # type: ignore[attr-defined]
        if self.dooms(len(self.processes)):
            self.processes[-1].kill()
        return child


@contextmanager
def kept_up(spawner: Spawner, references: ReferenceCache, disk: Disk) -> Iterator[Measuring]:
    spawner.start()
    measuring = Measuring(spawner, references, disk)
    measuring.start()
    try:
        yield measuring
    finally:
        measuring.stop()
        spawner.stop()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    log = CapturingLogger()
    monkeypatch.setattr("worker.measuring.log", log)
    return log


def test_a_stop_while_the_process_is_started_anew_stops_the_new_one(references: ReferenceCache, disk: Disk) -> None:
    def stopped_meanwhile(started: int) -> bool:
        if started == 2:
            one.stop()  # which knows of the old process only
        return False

    spawner = Killing(stopped_meanwhile)
    with kept_up(spawner, references, disk) as one:
        assert one.wait_up(PATIENCE)
        spawner.processes[0].kill()
        with pytest.raises(MeasuringStopped):
            one._ask(Task(Path("nowhere"), "wb", {}))
        assert spawner.processes[1].sentinel in wait([spawner.processes[1].sentinel], PATIENCE)


def test_a_process_that_died_while_it_waited_costs_the_next_job_nothing(
    references: ReferenceCache, disk: Disk, tmp_path: Path, log: CapturingLogger
) -> None:
    spawner = Killing(lambda _: False)
    directory = pair(tmp_path / "job")
    with kept_up(spawner, references, disk) as measuring:
        assert measuring.wait_up(PATIENCE)
        spawner.processes[0].kill()
        assert reference_seconds(measuring.examine(directory, job_of(directory))) == 1
    assert [(call.args[0], call.kwargs) for call in log.calls] == [("measuring_died", {"cause": "signal 9 (Killed)"})]


def test_while_no_process_comes_up_it_is_told_once_and_jobs_are_put_off_at_no_cost(
    references: ReferenceCache, disk: Disk, tmp_path: Path, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.measuring.RESTART_SECONDS", 0.0)
    spawner = Killing()
    directory = pair(tmp_path / "job")
    with kept_up(spawner, references, disk) as measuring:
        for _ in range(3):
            with pytest.raises(EngineError) as caught:
                measuring.examine(directory, job_of(directory))
            assert (caught.value.failure_class, caught.value.code) == (FailureClass.THROTTLED, "measuring_not_up")
        assert not measuring.up
        spawner.dooms = lambda _: False
        assert measuring.wait_up(PATIENCE)
    assert [call.args[0] for call in log.calls] == ["measuring_not_up", "measuring_up"]


def test_a_process_that_cannot_measure_is_not_up_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(task: Task) -> Findings:
        raise ImportError("libsndfile is not there")

    monkeypatch.setattr("worker.examine.examine", broken)
    monkeypatch.setattr("worker.examine.processes", Mock())
    monkeypatch.setattr("worker.examine.os", Mock())
    monkeypatch.setattr("worker.examine.logs", Mock())
    ours, its = Pipe()
    serve(its, 1)
    assert ours.recv_bytes() == b"ImportError: libsndfile is not there"


def test_a_job_whose_files_kill_the_process_is_tried_again_and_it_counts(
    references: ReferenceCache, disk: Disk, tmp_path: Path
) -> None:
    directory = pair(tmp_path / "job")
    (directory / "degraded.wav").unlink()
    os.mkfifo(directory / "degraded.wav")  # nobody writes: it has begun, and hangs
    spawner = Killing(lambda _: False)
    with kept_up(spawner, references, disk) as measuring:
        assert measuring.wait_up(PATIENCE)

        def kill_once_it_reads() -> None:
            with (directory / "degraded.wav").open("wb"):  # opens once somebody reads
                spawner.processes[0].kill()

        killer = Thread(target=kill_once_it_reads)
        killer.start()
        with pytest.raises(EngineError) as caught:
            measuring.examine(directory, job_of(directory))
        killer.join()
        assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSIENT, "measuring_died")
