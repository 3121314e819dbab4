"""`install.sh` where something goes wrong half-way: a worker runs on, or the next run makes good.

A stand-in for one of its commands, before the real one in the path, fails or kills where it is called with a word.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.infra.scratch_host import WAIT_SECONDS, Host

# The installer is the parent of each of its commands.
FAULTS = {"fails": "exit 1", "is told to end": "kill -TERM $PPID", "is killed": "kill -KILL $PPID; exit 1"}
FAULT = """#!/bin/sh
case "$*" in *{word}*)
    if mkdir "{done}" 2>/dev/null; then {fault}; fi ;;
esac
exec "{command}" "$@"
"""


@dataclass(frozen=True)
class Step:
    """One of the installer's commands: that of this name, the first time that a word is among its arguments."""

    command: str
    word: str


STOPPED = Step("systemctl", "is-active")
LINKED = Step("ln", "versions/2")
SETTINGS = Step("mv", "worker.env.new")
MARKED = Step("touch", ".installed")
EARLY = Step("sync", "worker.env.before")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """With a worker that runs; what it is in has spaces in its name, and its /opt is elsewhere."""
    root = tmp_path / "a machine"
    (root / "data disk").mkdir(parents=True)
    (root / "opt").symlink_to(root / "data disk")
    host = Host(root)
    assert host.install(host.archive("1"))[0] == 0
    yield host
    host.systemctl("stop")


def go_wrong(host: Host, step: Step, how: str) -> None:
    """Let that step of the next installation go wrong, once."""
    stand_in = host.root / "commands" / step.command
    real = shutil.which(step.command, path=os.environ["PATH"])
    if stand_in.exists():
        real = str(stand_in.rename(stand_in.with_suffix(".real")))
    done = host.root / "gone wrong"
    stand_in.write_text(FAULT.format(word=step.word, done=done, fault=FAULTS[how], command=real))
    stand_in.chmod(0o755)


def runs(host: Host) -> str:
    """The version, with its settings, that is up, once it is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while host.systemctl("is-active") == "activating":
        assert time.monotonic() < deadline
    assert host.systemctl("is-active") == "active"
    return [line for line in host.ran if line.startswith("run ")][-1]


@pytest.mark.parametrize("step", [SETTINGS, LINKED, MARKED], ids=str)
@pytest.mark.parametrize("how", ["fails", "is told to end"])
def test_where_a_step_goes_wrong_the_worker_from_before_runs_on(host: Host, step: Step, how: str) -> None:
    go_wrong(host, step, how)
    code, said = host.install(host.archive("2"), "green")
    assert (host.root / "gone wrong").exists()
    assert code == 1, said
    assert "Not installed: " in said
    assert runs(host) == "run 1 pale blue"


@pytest.mark.parametrize("how", ["fails", "is told to end"])
def test_before_the_worker_is_stopped_nothing_is_changed(host: Host, how: str) -> None:
    go_wrong(host, EARLY, how)
    before = host.ran
    code, said = host.install(host.archive("2"), "green")
    assert code == 1
    assert "Not installed: " in said
    assert (host.ran, host.systemctl("is-active")) == (before, "active")


@pytest.mark.parametrize("step", [SETTINGS, LINKED, STOPPED, MARKED], ids=str)
def test_what_was_killed_is_made_good_by_the_next_run(host: Host, step: Step) -> None:
    go_wrong(host, step, "is killed")
    assert host.install(host.archive("2"), "green")[0] == -9
    code, said = host.install(host.archive("2"), "green")
    assert code == 0, said
    assert runs(host) == "run 2 green"


def test_what_was_killed_on_its_way_back_goes_back_by_the_next_run(host: Host) -> None:
    bad = host.archive("2", "dies")
    go_wrong(host, Step("rm", "versions/2"), "is killed")
    assert host.install(bad, "green")[0] == -9
    code, said = host.install(bad, "green")
    assert code == 1
    assert "1 runs again, with its settings." in said
    assert runs(host) == "run 1 pale blue"


def test_a_worker_that_cannot_be_stopped_is_not_taken_for_the_new_one(host: Host) -> None:
    go_wrong(host, Step("systemctl", "stop"), "fails")
    code, said = host.install(host.archive("2"), "green")
    assert code == 1
    assert "could not be stopped" in said
    assert runs(host) == "run 1 pale blue"


def test_what_was_not_well_does_not_fill_the_disk(host: Host) -> None:
    host.install(host.archive("2", "dies"))
    assert host.versions == {"1"}


def test_settings_that_somebody_removed_do_not_keep_the_next_ones_away(host: Host) -> None:
    (host.root / "etc/mosaic/worker.env").unlink()
    code, said = host.install(host.archive("2"), "green")
    assert code == 0, said
    assert runs(host) == "run 2 green"


def test_a_version_that_somebody_removed_is_installed_anew(host: Host) -> None:
    shutil.rmtree(host.home / "versions/1")
    code, said = host.install(host.archive("1"), "green")
    assert code == 0, said
    assert runs(host) == "run 1 green"
