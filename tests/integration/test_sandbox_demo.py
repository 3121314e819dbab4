"""What the demo says of its scores."""

from __future__ import annotations

from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sandbox.children import ROOT
from sandbox.demo import EXAMPLES, read_pairs
from sandbox.demo_report import STEPS, Pair, Scored, in_order, report, verdict

scores = st.floats(min_value=1, max_value=5)


def scored(*values: float) -> list[Scored]:
    steps = dict.fromkeys(STEPS, 12345.0)
    return [
        Scored(
            Pair(f"female_16k_noise_{n}", Path(), Path(), "wb", f"white noise {n} dB SNR"),
            "0" * 32,
            value,
            steps,
            99999,
        )
        for n, value in enumerate(values)
    ]


@given(st.lists(scores, min_size=2))
def test_the_order_holds_where_every_pair_scores_lower_than_the_one_before(values: list[float]) -> None:
    assert in_order(scored(*values)) == all(a > b for a, b in pairwise(values))


def test_equal_scores_are_out_of_order() -> None:
    assert not in_order(scored(3.0, 3.0))
    assert "NOT" in verdict(scored(3.0, 3.0))


def test_clear_differences_are_said_to_be_clear() -> None:
    assert "neighbours differ by 0.5 or more." in verdict(scored(4.0, 3.5, 1.0))


def test_neighbours_that_are_close_are_named_with_their_difference() -> None:
    words = verdict(scored(4.0, 3.6, 1.0))
    assert "holds" in words
    assert "but for white noise 0 dB SNR and white noise 1 dB SNR (0.40)" in words


@pytest.mark.parametrize("width", [80, 100])
def test_the_report_fits_the_screen_with_nothing_cut(width: int) -> None:
    console = Console(file=StringIO(), width=width)
    console.print(report(scored(4.53, 1.0), {"cloud": 10.0, "API": 10.0, "worker": 100.0}))
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    assert "…" not in printed
    assert all(step in printed for step in STEPS)
    assert max(len(line.rstrip()) for line in printed.splitlines()) <= width
    assert "cloud 10.0 s, API 10.0 s, worker 100.0 s" in printed


def test_a_pair_s_bar_is_as_long_as_its_score(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=80)
    console.print(report(scored(5.0, 3.0, 1.0), {}))
    bars = [line.count("█") for line in capsys.readouterr().out.splitlines() if "█" in line or "░" in line]
    assert bars == [20, 10, 0]


def test_the_demo_s_pairs_are_examples_that_exist() -> None:
    pairs = read_pairs(EXAMPLES / "demo.csv")
    assert len(pairs) >= 3
    assert all(pair.reference.is_file() and pair.degraded.is_file() for pair in pairs)
    assert all(pair.degraded.is_relative_to(ROOT) for pair in pairs)
