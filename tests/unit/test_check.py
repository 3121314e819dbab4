"""`python -m worker check`, with the stand-in for POLQA."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stand_ins import engine as stand_in
from tests.stand_ins.polqa_cli import WARNINGS
from tests.stand_ins.polqa_tools import install, pair
from worker import check, golden, last_well, unit_sandbox
from worker.engines.engine import Description
from worker.golden import POINT, BadGolden
from worker.trial import licence_state

Check = Callable[..., int]


@pytest.fixture(autouse=True)
def _no_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where systemd does not run, whatever this machine is."""
    monkeypatch.setattr(unit_sandbox, "_BOOTED", tmp_path / "nowhere")
    monkeypatch.delenv(unit_sandbox.INSIDE, raising=False)
    monkeypatch.delenv("MOSAIC_STATE_DIRECTORY", raising=False)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: Path) -> Check:
    """The check's exit code, for an engine that is installed with these orders."""

    def run_check(*arguments: str, orders: str = "ok", preset: str = "opticom-table") -> int:
        monkeypatch.setenv("MOSAIC_ENGINE", install(_folder(tmp_path / "tool"), preset, orders))
        return check.main([*arguments, f"--state={state}"])

    return run_check


@pytest.fixture
def golden_folder(tmp_path: Path) -> Path:
    folder = _folder(tmp_path / "golden")
    pair(folder)
    manifest(folder, "a,reference.wav,degraded.wav,swb,3.25", "b,reference.wav,degraded.wav,,3.25")
    return folder


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def manifest(folder: Path, *rows: str) -> None:
    (folder / "golden.csv").write_text("\n".join(["custom_id,reference,degraded,mode,mos_lqo", *rows, ""]))


def cells(report: str, first: str) -> list[str]:
    """The words of the report's line that begins so."""
    return next(line.removeprefix(first).split() for line in report.splitlines() if line.startswith(first))


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
    _folder(state)
    (state / last_well.FILE).write_text(kept)
    assert last_well.read(state) is None
    last_well.write(state, {"engine": "polqa"})
    last = last_well.read(state)
    assert last is not None
    assert not list(last.changes({"engine": "polqa"}))


def test_golden_scores_that_agree_are_well(run: Check, golden_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"--golden={golden_folder}") == check.WELL
    report = capsys.readouterr().out
    assert cells(report, "custom_id") == ["mode", "recorded", "current", "difference"]
    assert cells(report, "a  ") == ["swb", "3.250", "3.250", "+0.000"]
    assert cells(report, "b  ") == ["default", "3.250", "3.250", "+0.000"]


@pytest.mark.parametrize(
    ("score", "tolerance", "well", "difference"),
    [
        ("3.26", "0.01", True, "+0.010"),
        ("3.27", "0.02", True, "+0.020"),  # as binary fractions, 3.27 - 3.25 is more than 0.02
        ("3.2", "0.01", False, "-0.050!"),
        ("3.2", "0.05", True, "-0.050"),
    ],
)
def test_a_golden_score_that_is_off_by_more_than_the_tolerance_is_marked(
    run: Check,
    golden_folder: Path,
    capsys: pytest.CaptureFixture[str],
    score: str,
    tolerance: str,
    well: bool,
    difference: str,
) -> None:
    code = run(f"--golden={golden_folder}", f"--tolerance={tolerance}", orders=f"score:{score}")
    assert code == (check.WELL if well else check.NOT_WELL)
    assert cells(capsys.readouterr().out, "a  ")[-1] == difference


def test_what_the_engine_warns_of_is_shown(run: Check, golden_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"--golden={golden_folder}", orders="warnings") == check.WELL
    report = capsys.readouterr().out
    for words in WARNINGS:
        assert f"current, a: it warns: {words}\n" in report
    assert report.count(f"; it warns: {WARNINGS[0]}; it warns: {WARNINGS[1]}\n") == 1  # the self-test gives no score


def test_a_golden_score_off_the_scale_is_none_whatever_the_engine(
    monkeypatch: pytest.MonkeyPatch, golden_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (golden_folder / "reference.wav").write_text('{"do": "score", "mos": 4.9}')
    manifest(golden_folder, "a,reference.wav,degraded.wav,,4.9")
    monkeypatch.setenv("MOSAIC_ENGINE", stand_in.NAME)
    assert check.main([f"--golden={golden_folder}"]) == check.NOT_WELL
    assert "unusable_score" in " ".join(cells(capsys.readouterr().out, "current, a:"))


def test_what_is_kept_is_the_current_engine_and_not_the_new_one(
    run: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = install(_folder(tmp_path / "new"), "opticom-stdout").removeprefix("polqa:")
    assert run(f"--preset={new}") == check.WELL
    capsys.readouterr()
    assert run() == check.WELL
    assert cells(capsys.readouterr().out, "changed")[0] == "nothing"


def test_a_new_preset_is_shown_beside_the_current_engine(
    run: Check, golden_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = install(_folder(tmp_path / "new"), "opticom-stdout", "score:3.2 licence:nb").removeprefix("polqa:")
    manifest(golden_folder, "a,reference.wav,degraded.wav,swb,3.25", "n,reference.wav,degraded.wav,nb,3.25")
    assert run(f"--golden={golden_folder}", f"--preset={new}") == check.NOT_WELL
    report = capsys.readouterr().out
    assert report.index("the current engine:") < report.index("the new engine:")
    assert cells(report, "custom_id") == ["mode", "recorded", "current", "difference", "new", "difference"]
    assert cells(report, "a  ") == ["swb", "3.250", "3.250", "+0.000", "3.200", "-0.050!"]
    assert cells(report, "n  ") == ["nb", "3.250", "3.250", "+0.000", "none", "!"]
    assert "no_licence" in " ".join(cells(report, "new, n:"))


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


def test_a_manifest_that_a_spreadsheet_saved_is_read_with_its_byte_order_mark(golden_folder: Path) -> None:
    path = golden_folder / "golden.csv"
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert [pair.custom_id for pair in golden.read(golden_folder)] == ["a", "b"]


def test_every_error_of_golden_pairs_is_told_by_its_line_and_column(golden_folder: Path) -> None:
    manifest(
        golden_folder,
        "a,reference.wav,degraded.wav,swb,3.25",
        "b,missing.wav,degraded.wav,swb,3.25",
        ",reference.wav,degraded.wav,swb,high",
        "c,reference.wav",
        "",
        'd,reference.wav,degraded.wav,swb,"3,25"',
        "e,reference.wav,degraded.wav,swb,3,25",
        "f,reference.wav,degraded.wav,swb,nan",
        "a,reference.wav,degraded.wav,nb,3.25",
    )
    with pytest.raises(BadGolden) as caught:
        golden.read(golden_folder)
    lines = [error.removeprefix(f"{golden_folder}/golden.csv ") for error in caught.value.errors]
    assert lines == [
        f"line 3, column reference: there is no file {golden_folder}/missing.wav",
        "line 4, column custom_id: must not be empty",
        f"line 4, column mos_lqo: must be a number. {POINT}",
        "line 5, column degraded: must be set",
        "line 5, column mode: must be set",
        "line 5, column mos_lqo: must be set",
        f"line 7, column mos_lqo: must be a number. {POINT}",
        f"line 8: 6 cells, and there are 5 columns. {POINT}",
        "line 9, column mos_lqo: must be a finite number",
        "line 10, column custom_id: 'a' is that of line 2, too",
    ]


@pytest.mark.parametrize(
    "header", ["name,mos", "custom_id,reference,degraded,mode,mos_lqo,label", "custom_id,reference,degraded,mode,mode"]
)
def test_golden_pairs_whose_columns_are_others_are_refused(golden_folder: Path, header: str) -> None:
    (golden_folder / "golden.csv").write_text(f"{header}\n{header}\n")
    with pytest.raises(BadGolden, match=r"custom_id,reference,degraded,mode,mos_lqo, no other"):
        golden.read(golden_folder)


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    engine = install(tmp_path, "swissqual-squad")
    environment = {**os.environ, "MOSAIC_ENGINE": engine, unit_sandbox.INSIDE: "some.service"}
    ended = subprocess.run(
        [sys.executable, "-m", "worker.check"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == check.WELL, ended.stderr
    assert "that of some.service" in ended.stdout
