"""The plots of Mosaic beside its peers."""

from __future__ import annotations

from dataclasses import asdict
from math import nan
from pathlib import Path

import pytest

from bench import report
from bench.peers.aftermath import Aftermath
from bench.peers.line_up import MOSAIC, MOSAIC_AHEAD, PEERS
from bench.peers.measure import Seen
from bench.peers.plots import HIDDEN, LOST, REPEATED, TWICE, Mark, by_use, draw_faults, draw_seat_use, marks
from bench.peers.rounds import Rounds
from bench.peers.workload import WORKLOADS

NEAR, DISTANT, *_ = WORKLOADS
NAIVE = PEERS[0].name
NEAR_ROUNDS = [{MOSAIC.name: 0.96, NAIVE: 0.81}, {MOSAIC.name: 0.98, NAIVE: 0.97}, {MOSAIC.name: 0.9, NAIVE: 0.8}]
DISTANT_ROUNDS = [{MOSAIC.name: 0.4, MOSAIC_AHEAD.name: 0.9, NAIVE: 0.5}]


def rounds(uses: list[dict[str, float]]) -> Rounds:
    return Rounds([{name: Seen(use, use, nan, nan, 0, 0) for name, use in one.items()} for one in uses])


def draw(directory: Path, near: Rounds, distant: Rounds, name: str = "peers.svg") -> Path:
    measured = {workload.name: Rounds() for workload in WORKLOADS} | {NEAR.name: near, DISTANT.name: distant}
    report.write(directory / "peers.json", {"workloads": {name: asdict(found) for name, found in measured.items()}})
    draw_seat_use(directory / "peers.json", directory / name)
    return directory / name


def test_the_best_stands_first_by_the_workload_in_which_all_do_the_most_alike() -> None:
    panels = [(NEAR, rounds(NEAR_ROUNDS)), (DISTANT, rounds(DISTANT_ROUNDS))]
    assert by_use(panels) == [MOSAIC_AHEAD.name, NAIVE, MOSAIC.name]
    assert by_use(panels[::-1]) == [MOSAIC.name, MOSAIC_AHEAD.name, NAIVE]


def test_each_ones_median_is_named_and_so_is_what_is_to_be_reached(tmp_path: Path) -> None:
    drawn = draw(tmp_path, rounds(NEAR_ROUNDS), rounds(DISTANT_ROUNDS)).read_text()
    for text in (MOSAIC.name, MOSAIC_AHEAD.name, NAIVE, "0.96", "0.81", "0.40", "to reach 0.97", "to reach 0.94"):
        assert f">{text}<" in drawn


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (draw(tmp_path, rounds(NEAR_ROUNDS), rounds(DISTANT_ROUNDS), name) for name in ("a.svg", "b.svg"))
    assert one.read_bytes() == other.read_bytes()


def test_a_workload_of_which_no_round_counts_is_left_out(tmp_path: Path) -> None:
    assert "AWS-like" not in draw(tmp_path, rounds(NEAR_ROUNDS), Rounds()).read_text()


def test_where_no_round_counts_nothing_is_drawn(tmp_path: Path) -> None:
    assert not draw(tmp_path, Rounds(), Rounds()).exists()


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Aftermath(lost=0, repeated=0, committed_twice=0, left_invisible=0, seconds=1), []),
        (Aftermath(lost=1, repeated=0, committed_twice=0, left_invisible=2, seconds=nan), [LOST, HIDDEN, HIDDEN]),
        (Aftermath(lost=0, repeated=3, committed_twice=1, left_invisible=0, seconds=9), [TWICE, REPEATED, REPEATED]),
    ],
)
def test_a_job_that_ran_again_has_one_mark_also_where_it_has_two_results(seen: Aftermath, expected: list[Mark]) -> None:
    assert marks(seen) == expected


def test_each_ones_seconds_are_told_where_all_jobs_had_a_result(tmp_path: Path) -> None:
    unharmed, harmed = Aftermath(0, 0, 0, 0, 21), Aftermath(0, 12, 0, 0, nan)
    faults = {"kill -9": {MOSAIC.name: asdict(unharmed), NAIVE: asdict(harmed)}}
    report.write(tmp_path / "faults.json", {"faults": faults})
    draw_faults(tmp_path / "faults.json", tmp_path / "faults.svg")
    drawn = (tmp_path / "faults.svg").read_text()
    assert [drawn.count(f">{text}<") for text in ("kill -9", "21 s", "not yet")] == [1, 1, 1]
