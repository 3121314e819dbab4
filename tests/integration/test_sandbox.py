"""The sandbox as a person has it: a command that keeps everything running, and everything that was there."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from mosaic import Mosaic, Result, State

from sandbox import parts
from sandbox.children import ROOT
from tests.integration.processes import Family
from tests.integration.quick_engine import MOS, NAME
from worker.status import StatusFile

PATIENCE = 60.0
REFERENCE = ROOT / "examples" / "female_16k.wav"
DEGRADED = ROOT / "examples" / "female_16k_opus_6.wav"


class Running:
    """A sandbox with a stand-in engine, and what it prints."""

    def __init__(self, state: Path, *options: str) -> None:
        main = f"import sys; from sandbox.__main__ import main; sys.exit(main({NAME!r}))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", main, "--state", str(state), "--seats", "1", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        self.printed = ""

    def until(self, text: str) -> str:
        """Read what it prints until a line has that text; that line."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if text in line:
                return line
        raise AssertionError(f"it ended without {text!r}:\n{self.printed}")

    def ended(self) -> int:
        """Its exit code, once it has ended by itself or been told to."""
        assert self.process.stdout
        self.printed += self.process.stdout.read()
        return self.process.wait(timeout=PATIENCE)

    def told(self) -> tuple[str, str]:
        """URL and key, by the lines that it prints for a shell."""
        told = dict(re.findall(r"export (\w+)=(\S+)", self.printed))
        return told["MOSAIC_URL"], told["MOSAIC_API_KEY"]

    def client(self) -> Mosaic:
        """A client of it."""
        return Mosaic(*self.told())

    def family(self) -> Family:
        return Family(self.process.pid)


@contextmanager
def sandbox(state: Path, *options: str) -> Iterator[Running]:
    running = Running(state, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        assert running.process.stdout
        running.process.stdout.close()


def test_it_scores_and_at_ctrl_c_nothing_is_left(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        running.until("Ready.")
        with running.client() as mosaic:
            result = mosaic.score(REFERENCE, DEGRADED)
        assert result.mos_lqo == MOS
        assert compiled(result) == str(parts.COMPILED)  # the same for every state
        family = running.family()
        running.process.send_signal(signal.SIGINT)
        assert running.ended() == 0
        assert family.survivors(0) == []
    assert "state    ended: " in StatusFile(tmp_path / "worker").report()[1]
    assert '"drained"' in (tmp_path / "logs" / "worker.log").read_text()


def test_after_a_kill_nothing_is_left_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with sandbox(tmp_path) as first:
        first.until("API: ready")  # and the worker is not yet
        with first.client() as mosaic:
            job = queue_a_job(mosaic)
        kill(first)
    with sandbox(tmp_path) as second:
        second.until("API: ready")
        assert exports(second) == exports(first)
        with second.client() as mosaic:
            assert mosaic.wait(job, timeout=PATIENCE).state is State.SUCCEEDED
        second.process.terminate()
        assert second.ended() == 0
    with sandbox(tmp_path) as third:
        third.until("API: ready")
        with third.client() as mosaic:
            assert mosaic.get(job).state is State.SUCCEEDED


def test_a_worker_that_dies_is_started_again_and_an_api_that_dies_is_the_end(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        running.until("Ready.")
        worker = running.family().pid_of("worker")
        os.kill(worker, signal.SIGKILL)
        assert "signal 9" in running.until("worker died")
        running.until("worker: ready after")
        family = running.family()
        assert family.pid_of("worker") != worker
        os.kill(family.pid_of("sandbox.functions"), signal.SIGKILL)
        assert running.ended() == 1
        assert str(tmp_path / "logs" / "api.log") in running.printed
        assert family.survivors(0) == []


def test_a_cloud_that_dies_is_the_end(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        running.until("API: ready")
        family = running.family()
        os.kill(family.pid_of("sandbox.cloud"), signal.SIGKILL)
        assert running.ended() == 1
        assert str(tmp_path / "logs" / "cloud.log") in running.printed
        assert family.survivors(0) == []


def test_at_ctrl_c_during_the_start_nothing_is_left(tmp_path: Path) -> None:
    with sandbox(tmp_path) as running:
        running.until("worker: starting")
        family = running.family()
        running.process.send_signal(signal.SIGINT)
        assert running.ended() == 0
        assert family.survivors(0) == []


def test_a_second_one_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with sandbox(tmp_path) as first:
        first.until("cloud: ready")
        with sandbox(tmp_path) as second:
            assert second.ended() == 2
            assert "Another sandbox runs" in second.printed
        assert first.process.poll() is None


@pytest.mark.parametrize("option", ["--port", "--cloud-port"])
def test_a_given_port_that_is_taken_is_refused(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with sandbox(tmp_path, option, port) as running:
            assert running.ended() == 2
            assert f"Port {port} is taken" in running.printed


@pytest.mark.parametrize("options", [["--port", "0"], ["--port", "70000"], ["--seats", "0"], ["--seats", "many"]])
def test_a_number_out_of_range_is_refused(tmp_path: Path, options: list[str]) -> None:
    with sandbox(tmp_path, *options) as running:
        assert running.ended() == 2
        assert "whole number from 1" in running.printed


def test_whoever_describes_the_pool_loads_no_engine() -> None:
    look = (
        "import sys; from sandbox import __main__, parts; print(parts.pool_of('visqol').name, 'numba' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, cwd=ROOT, check=True)
    assert told.stdout.split() == ["visqol-3", "False"]


def test_one_port_given_twice_is_refused(tmp_path: Path) -> None:
    with sandbox(tmp_path, "--port", "9000", "--cloud-port", "9000") as running:
        assert running.ended() == 2
        assert "cannot both have port 9000" in running.printed


def compiled(result: Result) -> object:
    """Where an engine that compiles itself keeps its code, as the stand-in tells in the details of a score."""
    assert result.details
    return httpx.get(result.details).json()["details"]["compiled"]


def queue_a_job(mosaic: Mosaic) -> str:
    job = mosaic.create(REFERENCE, DEGRADED, start="manual")
    mosaic.upload(job, reference=REFERENCE, degraded=DEGRADED)
    assert mosaic.start(job).state is State.QUEUED
    return job.id


def kill(running: Running) -> None:
    family = running.family()
    running.process.kill()
    assert family.survivors(PATIENCE) == []


def exports(running: Running) -> list[str]:
    return re.findall(r"export .*", running.printed)
