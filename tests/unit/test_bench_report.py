"""What the bench says of what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import report
from bench.report import Figure, Reach, Round

USE = Figure("seat use", 3, Reach(least=0.97))
WAITING = Figure("claimed, not begun", 0, Reach(most=2, judge=max))
CALLS = Figure("calls a job", 2)


def rounds(uses: list[float], waiting: float = 2) -> list[Round]:
    return [{USE: use, WAITING: waiting, CALLS: 2.5} for use in uses]


def test_the_median_round_reaches_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.show("bench", rounds([0.5, 0.97, 0.99]), None)
    assert not report.show("bench", rounds([0.5, 0.969, 0.99]), None)


def test_what_must_never_be_is_judged_by_the_worst_round(capsys: pytest.CaptureFixture[str]) -> None:
    assert not report.show("bench", [*rounds([1, 1]), *rounds([1], waiting=3)], None)


def test_it_is_said_where_each_round_counts() -> None:
    assert [str(Reach(most=2, judge=max)), str(Reach(most=2)), str(Reach(-5, 5))] == ["each ≤ 2", "≤ 2", "-5 to 5"]


def test_a_range_is_left_at_either_end() -> None:
    within = Reach(-5, 5)
    assert [within.met([value]) for value in (-5.1, -5, 0, 5, 5.1)] == [False, True, True, True, False]


def test_no_round_reaches_nothing() -> None:
    assert not Reach(most=2, judge=max).met([])


def test_people_see_median_and_range_and_what_to_reach(capsys: pytest.CaptureFixture[str]) -> None:
    report.show("Two seats", rounds([0.5, 0.98, 0.99]), None)
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("seat use"))
    assert row.split() == ["seat", "use", "0.980", "0.500", "to", "0.990", "≥", "0.97", "✓"]


def test_programs_get_every_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.show("Two seats", rounds([0.5, 0.6]), tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["bench"] == "Two seats"
    assert not found["reached"]
    assert found["figures"]["calls a job"] == {"rounds": [2.5, 2.5], "digits": 2, "reach": None, "reached": None}
    assert found["figures"]["seat use"] == {"rounds": [0.5, 0.6], "digits": 3, "reach": "≥ 0.97", "reached": False}
    assert found["figures"]["claimed, not begun"]["reached"]


def test_what_is_not_a_number_is_null_in_json(tmp_path: Path) -> None:
    report.write(tmp_path / "found.json", {"gap": [float("nan"), 0.5]})
    assert json.loads((tmp_path / "found.json").read_text()) == {"gap": [None, 0.5]}


def test_what_numpy_made_is_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.show("bench", rounds([np.float64(0.98)]), tmp_path / "bench.json")
    figure = json.loads((tmp_path / "bench.json").read_text())["figures"][USE.name]
    assert (figure["rounds"], figure["reached"]) == ([0.98], True)
