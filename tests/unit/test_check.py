"""`python -m worker check`, with the stand-in for POLQA."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stand_ins import engine as stand_in
from tests.stand_ins.polqa_tools import install
from tests.unit.checks import Check, cells, folder, golden_pairs, of_installed, without_sandbox
from worker import check, last_well, unit_sandbox
from worker.engines.engine import Description
from worker.trial import licence_state


@pytest.fixture(autouse=True)
def _no_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_sandbox(monkeypatch, tmp_path)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: Path) -> Check:
    return of_installed(monkeypatch, tmp_path, state)


@pytest.fixture
def golden_folder(tmp_path: Path) -> Path:
    return golden_pairs(tmp_path / "golden")


def test_a_healthy_engine_is_reported_with_all_that_identifies_it(
    run: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == check.WELL
    report = capsys.readouterr().out
    assert cells(report, "engine") == ["polqa"]
    assert cells(report, "version") == ["unknown"]
    assert '"opticom-table"' in cells(report, "settings")[1]
    assert cells(report, "mode nb")[:5] == ["1", "to", "4.5", "MOS;", "reference"]
    assert cells(report, "mode swb (default)")[:4] == ["1", "to", "4.75", "MOS;"]
    assert report.count("well, in") == 3, "each mode, and the measuring"
    assert cells(report, "licence") == ["well"]
    assert cells(report, "host name") == [os.uname().nodename]
    assert cells(report, "CPU")[:2] == [str(os.cpu_count()), "x"]
    assert cells(report, "instance") == ["not", "on", "EC2"]
    assert cells(report, "sandbox")[:1] == ["none:"]


@pytest.mark.parametrize(
    ("orders", "licence"),
    [
        ("licence", "lost in every mode"),
        ("licence:nb", "lost in mode nb"),
        ("licence:swb", "lost in mode swb"),
        ("crash", "not known: no licence was refused, but not every mode works"),
        ("exit:12", "not known: no licence was refused, but not every mode works"),
    ],
)
def test_each_mode_is_tried_and_the_licence_state_told(
    run: Check, capsys: pytest.CaptureFixture[str], orders: str, licence: str
) -> None:
    assert run(orders=orders) == check.NOT_WELL
    assert cells(capsys.readouterr().out, "licence") == licence.split()


def test_an_engine_that_is_not_installed_is_not_well(
    run: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOSAIC_ENGINE", "polqa:opticom-table")
    assert check.main([]) == check.NOT_WELL
    report = capsys.readouterr().out
    assert "Install the tool" in report
    assert cells(report, "licence")[:2] == ["not", "known:"]


def test_any_engine_is_checked_and_one_that_breaks_is_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOSAIC_ENGINE", stand_in.NAME)
    monkeypatch.setenv(stand_in.SELF_TEST, '{"do": "score"}')
    assert check.main([]) == check.WELL
    monkeypatch.setenv(stand_in.SELF_TEST, '{"do": "break"}')
    assert check.main([]) == check.NOT_WELL
    assert "engine_fault: ZeroDivisionError: this is a stand-in" in capsys.readouterr().out


def test_a_licence_that_the_version_command_already_lacks_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, golden_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "version = { command = ['PolqaOem64', '--version'], pattern = 'version (.+)' }"
    monkeypatch.setenv("MOSAIC_ENGINE", install(tmp_path, "opticom-table", changes={'version = "unknown"': asked}))
    (tmp_path / "PolqaOem64").write_text("#!/bin/sh\necho registration failed >&2\nexit 2\n")
    assert check.main([f"--golden={golden_folder}"]) == check.NOT_WELL
    report = capsys.readouterr().out
    assert cells(report, "version") == ["unknown"]
    assert cells(report, "licence") == ["lost", "in", "every", "mode"]
    assert "no_licence" in " ".join(cells(report, "current, a:"))


def test_an_engine_without_a_licence_needs_none() -> None:
    assert licence_state(Description("visqol", "3.8.0", (), "wb"), {}) == "none needed"


def test_what_changed_since_it_last_worked_is_told_until_it_works_again(
    run: Check, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    def changed() -> str:
        return " ".join(cells(capsys.readouterr().out, "changed"))

    machine = {"host name": "a", "MAC eth0": "02:00:00:00:00:01", "CPU": "4 x Xeon", "instance": "i-1, t3.xlarge"}
    monkeypatch.setattr(check, "fingerprint", lambda: dict(machine))
    run()
    assert changed() == "not known: it has not worked here before"
    run()
    assert changed().startswith("nothing (since it last worked, 20")
    machine |= {"MAC eth0": "02:00:00:00:00:02", "MAC eth1": "02:00:00:00:00:03"}
    for _ in range(2):
        assert run(orders="licence") == check.NOT_WELL
        told = changed()
        assert "MAC eth0: was 02:00:00:00:00:01, is 02:00:00:00:00:02" in told
        assert "MAC eth1: was not there, is 02:00:00:00:00:03" in told
        assert "CPU" not in told
    assert run() == check.WELL
    run(preset="opticom-stdout")
    told = capsys.readouterr().out
    assert "settings: was preset " in told
    assert [path.name for path in state.iterdir()] == [last_well.FILE]


def test_what_it_was_that_cannot_be_kept_is_told_and_the_verdict_stands(
    run: Check, capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    (state / last_well.FILE).mkdir(parents=True)  # where no file can be put, as none can on a full disk
    assert run() == check.WELL
    assert last_well.FILE in " ".join(cells(capsys.readouterr().out, "not kept"))
    assert [path.name for path in state.iterdir()] == [last_well.FILE]


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"at": 1}', '{"at": "x", "facts": [1]}', "\0"])
def test_a_state_that_cannot_be_read_is_none(state: Path, kept: str) -> None:
    assert last_well.read(state) is None
    folder(state)
    (state / last_well.FILE).write_text(kept)
    assert last_well.read(state) is None
    last_well.write(state, {"engine": "polqa"})
    last = last_well.read(state)
    assert last is not None
    assert not list(last.changes({"engine": "polqa"}))


def test_what_is_kept_is_the_current_engine_and_not_the_new_one(
    run: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = install(folder(tmp_path / "new"), "opticom-stdout").removeprefix("polqa:")
    assert run(f"--preset={new}") == check.WELL
    capsys.readouterr()
    assert run() == check.WELL
    assert cells(capsys.readouterr().out, "changed")[0] == "nothing"


def test_the_workers_state_directory_is_where_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: Path
) -> None:
    monkeypatch.setenv("MOSAIC_ENGINE", install(tmp_path, "opticom-table"))
    monkeypatch.setenv("MOSAIC_STATE_DIRECTORY", str(state))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    assert check.main([]) == check.WELL
    assert last_well.read(state) is not None


def test_bad_settings_are_told_all_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MOSAIC_ENGINE", raising=False)
    assert check.main(["--preset=none", f"--golden={tmp_path}"]) == check.BAD
    told = capsys.readouterr()
    assert "MOSAIC_ENGINE: must be set" in told.err
    assert "only opticom-stdout, opticom-table, swissqual-squad" in told.err
    assert "golden.csv" in told.err
    assert not told.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tolerance", "much"],
        ["--tolerance", "nan"],
        ["--tolerance=-1"],
        ["--tolerance", "inf"],
        ["--gold", "x"],
        ["more"],
    ],
)
def test_a_command_line_that_is_not_understood_is_bad_settings(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        check.main(arguments)
    assert caught.value.code == check.BAD


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    engine = install(tmp_path, "swissqual-squad")
    environment = {**os.environ, "MOSAIC_ENGINE": engine, unit_sandbox.INSIDE: "some.service"}
    ended = subprocess.run(
        [sys.executable, "-m", "worker.check"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == check.WELL, ended.stderr
    assert "that of some.service" in ended.stdout
