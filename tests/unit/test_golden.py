"""Golden pairs: their scores beside those that were recorded, and all that is wrong with them told at once."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from tests.stand_ins import engine as stand_in
from tests.stand_ins.polqa_cli import WARNINGS
from tests.stand_ins.polqa_tools import install
from tests.unit.checks import Check, cells, folder, golden_pairs, manifest, of_installed, without_sandbox
from worker import check, golden
from worker.golden import POINT, BadGolden


@pytest.fixture(autouse=True)
def _no_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_sandbox(monkeypatch, tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    return of_installed(monkeypatch, tmp_path, tmp_path / "state")


@pytest.fixture
def golden_folder(tmp_path: Path) -> Path:
    return golden_pairs(tmp_path / "golden")


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


def test_a_new_preset_is_shown_beside_the_current_engine(
    run: Check, golden_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = install(folder(tmp_path / "new"), "opticom-stdout", "score:3.2 licence:nb").removeprefix("polqa:")
    manifest(golden_folder, "a,reference.wav,degraded.wav,swb,3.25", "n,reference.wav,degraded.wav,nb,3.25")
    assert run(f"--golden={golden_folder}", f"--preset={new}") == check.NOT_WELL
    report = capsys.readouterr().out
    assert report.index("the current engine:") < report.index("the new engine:")
    assert cells(report, "custom_id") == ["mode", "recorded", "current", "difference", "new", "difference"]
    assert cells(report, "a  ") == ["swb", "3.250", "3.250", "+0.000", "3.200", "-0.050!"]
    assert cells(report, "n  ") == ["nb", "3.250", "3.250", "+0.000", "none", "!"]
    assert "no_licence" in " ".join(cells(report, "new, n:"))


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
