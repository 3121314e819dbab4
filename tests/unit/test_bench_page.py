"""The page of what the benches found."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import page, report
from bench.page import NO_BREAK
from bench.report import Figure, Reach

USE, CALLS = Figure("seat use", 3, Reach(least=0.97)), Figure("calls a job", 2)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Where seat_use left something, and idle failed."""
    report.show("Seat use", [{USE: use, CALLS: 2.5} for use in (0.95, 0.96, 0.99)], tmp_path / "seat_use.json")
    (tmp_path / "seat_use.txt").write_text("2026-11-22, on some machine\n" + capsys.readouterr().out)
    (tmp_path / "idle.txt").write_text("2026-11-22, on some machine\n")
    return tmp_path


def written(place: Path) -> list[str]:
    page.write(place, place / "results.md")
    return (place / "results.md").read_text().splitlines()


def test_the_page_begins_with_all_that_is_to_be_reached(place: Path) -> None:
    summary = [line for line in written(place) if line.startswith("| [")]
    spread = f"0.950{NO_BREAK}to{NO_BREAK}0.990"
    assert summary[0] == f"| [seat_use](#seat_use) | seat use | **0.960** | {spread} | ≥ 0.97 | ✗ |"


def test_a_bench_that_left_no_figures_has_reached_nothing(place: Path) -> None:
    summary = [line for line in written(place) if line.startswith("| [")]
    assert summary[1:] == ["| [idle](#idle) | it did not end | | | | ✗ |"]


def test_every_link_of_the_summary_leads_to_what_was_printed(place: Path) -> None:
    lines = written(place)
    at = lines.index('<a id="seat_use"></a>')
    assert lines[at + 1].startswith("## ")
    assert lines[at + 3] == "`python -m bench.seat_use`, 2026-11-22, on some machine"
    assert any(line.startswith("calls a job") for line in lines[at:])


def test_a_plot_of_an_earlier_run_is_not_shown(place: Path) -> None:
    (place / "peers.svg").write_text("<svg/>")
    (place / "peers.txt").write_text("2026-11-22, on some machine\n")
    assert not any("peers.svg" in line for line in written(place))
