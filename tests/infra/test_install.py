"""`install.sh` in a scratch root: a shell, tar and processes as they are, with a stand-in for systemd's commands.

The versions hold a worker of a few lines that is as a file in it says; what the real one needs of an archive is in
test_worker_archive.py and test_delivered_worker.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.scratch_host import INSTALL, UNIT, WAIT_SECONDS, WORKER, Host

WAITS = """
import sys

if sys.argv[1:] == ["check"]:
    open("{gate}").read()
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.systemctl("stop")


def runs(host: Host, version: str, colour: str = "pale blue") -> bool:
    """Whether that version was the last to start, and is up."""
    started = [line for line in host.ran if line.startswith("run ")]
    return host.systemctl("is-active") == "active" and started[-1] == f"run {version} {colour}"


def test_on_a_host_that_never_had_it_the_worker_is_installed_and_runs(host: Host) -> None:
    code, said = host.install(host.archive("1"))
    assert (code, host.current) == (0, "1"), said
    assert "Installed: 1." in said
    assert runs(host, "1")
    assert (host.root / "etc/systemd/system" / UNIT.name).read_bytes() == UNIT.read_bytes()
    assert (host.root / "etc/systemd/system" / f"{UNIT.name}.d/50-engine.conf").read_text() == "[Service]\n"


def test_the_same_once_more_changes_nothing_and_lets_the_worker_run(host: Host) -> None:
    archive = host.archive("1")
    host.install(archive)
    before, called = host.ran, (host.root / "run/systemctl.calls").read_text()
    code, said = host.install(archive)
    assert (code, said) == (0, "No change: 1.\n")
    assert host.ran == before
    assert (host.root / "run/systemctl.calls").read_text() == called


def test_a_worker_that_an_operator_has_stopped_stays_stopped(host: Host) -> None:
    archive = host.archive("1")
    host.install(archive)
    host.systemctl("stop")
    host.install(archive)
    assert host.systemctl("is-active") == "inactive"


def test_an_upgrade_stops_the_old_one_first_and_keeps_it_beside_the_new(host: Host) -> None:
    host.install(host.archive("1"))
    code, said = host.install(host.archive("2"))
    assert code == 0, said
    assert runs(host, "2")
    assert host.versions == {"1", "2"}
    assert host.install(host.archive("2")) == (0, "No change: 2.\n")
    host.install(host.archive("3"))
    assert host.versions == {"2", "3"}


def test_new_settings_alone_start_the_worker_anew(host: Host) -> None:
    host.install(host.archive("1"))
    code, said = host.install(host.archive("1"), "green")
    assert code == 0, said
    assert runs(host, "1", "green")


def test_the_operators_own_settings_are_kept_and_win(host: Host) -> None:
    host.install(host.archive("1"))
    own = host.root / "etc/mosaic/local.env"
    own.write_text("MOSAIC_COLOUR=red\n")
    host.install(host.archive("2"))
    assert runs(host, "2", "red")
    assert own.read_text() == "MOSAIC_COLOUR=red\n"


@pytest.mark.parametrize("how", ["settings-refused", "engine-broken", "dies"])
def test_where_the_new_one_is_not_well_the_old_one_runs_again(host: Host, how: str) -> None:
    host.install(host.archive("1"))
    code, said = host.install(host.archive("2", how))
    assert (code, host.current) == (1, "1"), said
    assert "2 is not well. 1 runs again, with its settings." in said
    assert runs(host, "1")


def test_where_the_new_settings_are_wrong_the_old_ones_hold_again(host: Host) -> None:
    host.install(host.archive("1"))
    code, said = host.install(host.archive("1"), "wrong")
    assert code == 1, said
    assert runs(host, "1", "pale blue")


def test_what_was_not_well_is_not_tried_again_until_somebody_says_so(host: Host) -> None:
    host.install(host.archive("1"))
    bad = host.archive("2", "engine-broken")
    host.install(bad)
    before = host.ran
    code, said = host.install(bad)
    assert code == 1
    assert host.ran == before
    Path(said.split(": rm ")[1].strip()).unlink()
    host.install(bad)
    assert host.ran != before


def test_a_licence_that_was_lost_before_does_not_stop_an_upgrade(host: Host) -> None:
    host.install(host.archive("1"))
    host.licence.unlink()
    code, said = host.install(host.archive("2"))
    assert (code, host.current) == (0, "2"), said
    assert "was not well before" in said


def test_a_licence_that_the_new_one_alone_does_not_find_stops_it(host: Host) -> None:
    host.install(host.archive("1"))
    code, _ = host.install(host.archive("2", "engine-broken"))
    assert (code, host.current) == (1, "1")
    assert [line.split()[:2] for line in host.ran if line.startswith("check")][-2:] == [["check", "1"], ["check", "2"]]


def test_a_first_one_that_is_not_well_is_told_and_does_not_run(host: Host) -> None:
    code, said = host.install(host.archive("1", "settings-refused"))
    assert code == 1
    assert "Nothing runs." in said
    assert host.systemctl("is-active") == "inactive"


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08cut off"])
def test_what_is_no_archive_leaves_everything_as_it_is(host: Host, content: bytes) -> None:
    host.install(host.archive("1"))
    bad = host.root / "bad.tar.gz"
    bad.write_bytes(content)
    code, said = host.install(bad)
    assert (code, host.current) == (1, "1")
    assert "is no archive of the worker's" in said
    assert runs(host, "1")


def test_an_archive_that_was_cut_off_is_not_installed_and_leaves_nothing(host: Host) -> None:
    host.install(host.archive("1"))
    whole = host.archive("2").read_bytes()
    (host.root / "2.tar.gz").write_bytes(whole[: len(whole) // 2])
    code, _ = host.install(host.root / "2.tar.gz")
    assert (code, host.current, host.versions) == (1, "1", {"1"})
    assert runs(host, "1")


def test_one_that_was_killed_on_its_way_is_made_good_by_the_next(host: Host) -> None:
    """Killed while the new worker is tried, which is when most has changed."""
    host.install(host.archive("1"))
    gate = host.state / "gate"
    os.mkfifo(gate)
    stuck = host.archive("2", worker=WAITS.format(gate=gate) + WORKER)
    process = host.begin(stuck, "green")
    with gate.open("w"):  # opens once the check of the new one is under way
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_SECONDS)
    process.communicate(timeout=WAIT_SECONDS)  # what it had begun has ended too
    assert host.current == "2"
    code, said = host.install(host.archive("3", "engine-broken"), "green")
    assert (code, host.current) == (1, "1"), said
    assert runs(host, "1", "pale blue")


def test_two_at_once_are_one_after_another(host: Host) -> None:
    host.install(host.archive("1"))
    gate = host.state / "gate"
    os.mkfifo(gate)
    slow = host.archive("2", worker=WAITS.format(gate=gate) + WORKER)
    first = host.begin(slow)
    with gate.open("w"):
        code, said = host.install(host.archive("3"))
    assert code == 1
    assert "another installation runs" in said
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=WAIT_SECONDS)


@pytest.mark.parametrize("words", [[], ["only-one"], ["no-such-file", "neither"]])
def test_wrong_usage_is_told(words: list[str]) -> None:
    told = subprocess.run(["/bin/sh", INSTALL, *words], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "usage: install.sh" in told.stderr
