"""What the bench beside peers makes of what it saw: on runs and receives whose figures are plain to see."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan, nan
from pathlib import Path

import pytest

from bench import runs
from bench.machine import Machine
from bench.peers import table
from bench.peers.line_up import PEERS
from bench.peers.measure import Seen, all_runs, levels, pace
from bench.peers.place import Kind, Orders, Place
from bench.peers.rounds import Rounds, with_round
from bench.peers.site import SEATS
from bench.peers.workload import Workload
from bench.runs import Run

LEFT, RIGHT = 1, 2


SLEEP = Workload("sleep", Kind.SLEEP, 0.1, 0.1, reach={"Mosaic": 0.97})


def seen(work: float = 1, use: float = 1, gap: float = 0) -> Seen:
    return Seen(use=use, work=work, gap_p50=gap, gap_p95=gap, waiting=0, waiting_most=0)


def test_orders_are_read_as_they_were_given(tmp_path: Path) -> None:
    orders = Orders(Kind.CPU, {"a": 0.5, "b": 2})
    Place(tmp_path).give(orders)
    assert Place(tmp_path).orders == orders


def test_a_run_that_has_not_ended_has_no_end(tmp_path: Path) -> None:
    place, ended, running = Place(tmp_path), Run("a", LEFT, 1, 2), Run("b", LEFT, 3, 0)
    for run in (ended, running):
        place.note_begin(run)
    place.note_end(ended)
    assert all_runs(place) == [ended, Run("b", LEFT, 3, inf)]


def test_runs_are_cut_at_both_ends_of_what_is_looked_at() -> None:
    ran = [Run("a", LEFT, 0, 6), Run("b", RIGHT, 1, 2), Run("c", RIGHT, 9, inf)]
    assert runs.within(ran, 5, 10) == [Run("a", LEFT, 5, 6), Run("c", RIGHT, 9, 10)]


def test_the_share_of_time_is_that_of_all_seats() -> None:
    assert runs.share([Run("a", LEFT, 5, 6), Run("c", RIGHT, 9, 10)], seats=2, seconds=5) == 0.2


def test_jobs_that_take_twice_as_long_as_ordered_are_done_at_half_the_pace() -> None:
    assert pace([Run("a", LEFT, 0, 2), Run("b", LEFT, 2, 6)], {"a": 1, "b": 2, "c": 9}) == 0.5


def test_where_no_job_ended_there_is_no_pace() -> None:
    assert isnan(pace([], {"a": 1}))


def test_what_is_received_waits_until_it_begins() -> None:
    received, begun = [(1.0, 2), (4.0, 1)], [(1.5, -1), (4.5, -1)]
    assert levels([*received, *begun], 1.5, 5) == [(1, 2.5), (2, 0.5), (1, 0.5)]


def test_the_levels_last_as_long_as_is_looked_at() -> None:
    assert levels([], 2, 5) == [(0, 3)]


@pytest.mark.parametrize(("after", "kept"), [(1.0, 1), (1.09, 1), (1.11, 0), (0.91, 1), (0.9, 0)])
def test_a_round_is_dropped_where_the_machine_changed_by_more_than_a_tenth(after: float, kept: int) -> None:
    rounds = with_round(Rounds(), seen(1.0), {"Mosaic": seen(0.9)}, seen(after))
    assert (len(rounds.kept), rounds.dropped) == (kept, 1 - kept)


def test_a_round_is_held_against_what_the_engine_alone_did_around_it() -> None:
    assert with_round(Rounds(), seen(1.0), {}, seen(0.96)).bare == [pytest.approx(0.98)]


def test_mosaic_is_held_against_the_peer_that_did_best_in_that_round() -> None:
    def of_round(mosaic: float, best: float) -> Mapping[str, Seen]:
        return {
            "Mosaic": seen(use=mosaic),
            **{peer.name: seen(use=best / place) for place, peer in enumerate(PEERS, 1)},
        }

    rounds = Rounds([of_round(0.9, 0.6), of_round(0.8, 1.0)], [1.0, 1.0])
    assert table.ahead(SLEEP, rounds) == [pytest.approx(1.5), pytest.approx(0.8)]


def test_a_round_in_which_no_seat_had_a_gap_says_nothing_of_gaps() -> None:
    rounds = Rounds([{"Mosaic": seen(gap=gap)} for gap in (nan, 0.5, nan)], [1.0] * 3)
    assert table.median(rounds, "Mosaic", lambda seen: seen.gap_p50) == 0.5


def test_the_backlog_is_the_same_for_all_and_as_long_as_is_told() -> None:
    mixed = Workload("mixed", Kind.CPU, 0.1, 3)
    lengths = mixed.backlog(4).seconds
    assert lengths == mixed.backlog(4).seconds
    assert all(0.1 <= length <= 3 for length in lengths)
    assert sum(lengths) > 2 * 4 * SEATS


def test_people_see_all_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    mosaic, other = seen(use=0.8), seen(use=0.4, gap=0.002)
    names = [participant.name for participant in SLEEP.participants]
    rounds = Rounds([{name: mosaic if name == "Mosaic" else other for name in names}], [1.0], dropped=2)
    table.show(SLEEP, rounds)
    printed = capsys.readouterr().out
    rows = {name: line.split()[-9:] for line in printed.splitlines() for name in names if line.startswith(f" {name} ")}
    assert list(rows) == names
    assert "≥ 0.97 ✗" in printed
    assert rows["dramatiq_sqs"] == ["0.400", "to", "0.400", "0.50", "1.000", "2.0", "2.0", "0.0", "0"]
    assert "rounds: 1; 2 dropped" in printed


def test_people_see_what_the_peers_are_and_what_the_columns_mean(capsys: pytest.CaptureFixture[str]) -> None:
    table.show_settings({"celery": {"packages": {"celery": "5.7.0"}, "settings": {"task_acks_late": True}}})
    table.show_meaning(Machine())
    printed = capsys.readouterr().out
    assert "celery 5.7.0" in printed
    assert "task_acks_late=True" in printed
    assert "2 seats, visibility 60 s" in printed
