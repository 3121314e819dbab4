"""A paused worker finishes what runs, says so, and receives nothing until it is resumed; a restart changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import JsonValue

from shared.hosts import HostState
from shared.states import State
from tests.cloud import Resources
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, WorkerProcess, wait_host, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


def command(process: WorkerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        env={**os.environ, "MOSAIC_STATE_DIRECTORY": str(process.directory / "state")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def told_of_pauses(process: WorkerProcess) -> list[tuple[str, str | None]]:
    """The lines of its log, over both of its lives."""
    lines = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
    return [(line["event"], line.get("reason")) for line in lines if line["event"] in ("paused", "resumed")]


def test_a_pause_holds_over_a_restart_and_ends_with_resume(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(resources, tmp_path / "worker", prefetch="0") as process:
        running = jobs.start(meeting.order)
        meeting.wait_begun()
        assert command(process, "pause", "--reason", "new licence file").returncode == 0
        waiting = jobs.start(QUICK)
        meeting.let_go()
        jobs.wait_for(running, State.SUCCEEDED)
        status = command(process, "status")
        assert status.returncode == 0
        assert "new licence file" in status.stdout
        process.kill()
        process.start()
        wait_host(resources, HostState.PAUSED)
        assert jobs.now(waiting).state is State.QUEUED
        assert command(process, "resume").returncode == 0
        jobs.wait_for(waiting, State.SUCCEEDED)
        assert told_of_pauses(process) == [
            ("paused", "new licence file"),
            ("paused", "new licence file"),
            ("resumed", None),
        ]


def test_a_command_without_its_directory_is_told_what_is_missing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOSAIC_")}
    run = subprocess.run(
        [sys.executable, "-m", "worker", "status"], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "MOSAIC_STATE_DIRECTORY" in run.stderr
