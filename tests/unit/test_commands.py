"""What `python -m worker` says that it can do, and what its commands say of a worker."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.hosts import Host, HostState
from worker import commands
from worker.pause import Pause, PauseFile
from worker.status import STALE_SECONDS, StatusFile, Told

HOST = Host(
    host="host-a", pool="visqol-3", engine="visqol", version="3.8.0", seats=2, busy=1, mean_seconds=0.3,
    state=HostState.READY, seen_at=0.0,
)  # fmt: skip


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOSAIC_STATE_DIRECTORY", str(tmp_path))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        commands.main(arguments)
    assert end.value.code == 0
    return capsys.readouterr().out


def test_one_help_names_every_command_and_what_none_does(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "--help")
    named = {line.split()[0] for line in text.splitlines() if line.startswith("    ")}
    assert {"pause", "resume", "status", "check", "unit"} <= named
    assert "runs until SIGTERM" in " ".join(text.split())


@pytest.mark.parametrize(
    ("command", "words"),
    [("pause", "--until"), ("status", "how the worker"), ("check", "--golden"), ("unit", "systemd")],
)
def test_a_commands_own_help_tells_more(capsys: pytest.CaptureFixture[str], command: str, words: str) -> None:
    text = told(capsys, command, "--help")
    assert f"python -m worker {command}" in text
    assert words in text


def test_a_word_too_many_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        commands.main(["unit", "twice"])
    assert end.value.code == commands.BAD_SETTINGS
    assert "unrecognized arguments: twice" in capsys.readouterr().err


def status(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    """The exit code, and what is told by the word that it stands behind."""
    code = commands.main(["status"])
    lines = [line.partition(" ") for line in capsys.readouterr().out.splitlines()]
    return code, {name: words.strip() for name, _, words in lines}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (HostState.READY, "nothing"),
        (HostState.STARTING, "warm up"),
        (HostState.PAUSED, "resume"),
        (HostState.LICENCE_LOST, "check"),
        (HostState.DISK_FULL, "free space"),
        (HostState.MISCONFIGURED, "check"),
        (HostState.DRAINING, "wait"),
    ],
)
def test_status_says_the_next_step_of_each_state(
    state: Path, capsys: pytest.CaptureFixture[str], told: HostState, words: str
) -> None:
    StatusFile(state).write(HOST.model_copy(update={"state": told}))
    code, report = status(capsys)
    assert (code, report["state"]) == (0, told)
    assert words in report["next"]


def test_status_tells_of_a_pause_before_the_worker_does(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    StatusFile(state).write(HOST)
    PauseFile(state).set(Pause(reason="new dongle"))
    code, report = status(capsys)
    assert (code, report["state"], report["paused"]) == (0, HostState.READY, "new dongle")
    assert "resume" in report["next"]


@pytest.mark.parametrize(("was", "word"), [(HostState.READY, "dead:"), (HostState.DRAINING, "ended:")])
def test_status_tells_a_worker_whose_process_is_gone_as_such_however_fresh_its_word_is(
    state: Path, capsys: pytest.CaptureFixture[str], was: HostState, word: str
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    told = Told(**{**HOST.model_dump(), "state": was}, process=gone.pid)
    (state / "status.json").write_text(told.model_dump_json())
    code, report = status(capsys)
    assert code == commands.NOT_WELL
    assert report["state"].startswith(word)
    assert "systemctl start" in report["next"]


def test_status_tells_a_worker_that_was_not_heard_of_for_long_as_silent(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    StatusFile(state).write(HOST)
    long_ago = time.time() - STALE_SECONDS - 1
    os.utime(state / "status.json", (long_ago, long_ago))
    code, report = status(capsys)
    assert code == commands.NOT_WELL
    assert report["state"].startswith("silent:")


def test_status_where_no_worker_ever_was_names_the_directory_to_set(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.main(["status"]) == commands.NOT_WELL
    told = capsys.readouterr().out
    assert str(state) in told
    assert "MOSAIC_STATE_DIRECTORY" in told


def test_resume_says_whether_there_was_a_pause(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PauseFile(state).set(Pause(reason="new dongle"))
    for words in ("Resumed", f"There is no pause in {state}"):
        assert commands.main(["resume"]) == 0
        assert words in capsys.readouterr().out


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_pause_without_a_reason_is_refused(state: Path, capsys: pytest.CaptureFixture[str], reason: str) -> None:
    with pytest.raises(SystemExit) as end:
        commands.main(["pause", "--reason", reason])
    assert end.value.code == commands.BAD_SETTINGS
    assert "say why" in capsys.readouterr().err
    assert PauseFile(state).get() is None


def test_a_pause_where_no_worker_keeps_its_state_is_refused_and_makes_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOSAIC_STATE_DIRECTORY", str(state / "misspelt"))
    assert commands.main(["pause", "--reason", "new dongle"]) == commands.NOT_WELL
    assert "MOSAIC_STATE_DIRECTORY" in capsys.readouterr().err
    assert list(state.iterdir()) == []


def test_a_pause_until_after_the_last_year_is_refused(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        commands.main(["pause", "--reason", "new dongle", "--until", "9999-12-31T23:59:59-12:00"])
    assert end.value.code == commands.BAD_SETTINGS
    assert "9999" in capsys.readouterr().err
    assert list(state.iterdir()) == []
