"""The bench's arithmetic, on intervals whose use, gaps and overlaps are plain to see."""

from __future__ import annotations

from pathlib import Path

from bench import runs
from bench.runs import Moment, Run

LEFT, RIGHT = 1, 2


def run(job: str, seat: int, begin: float, end: float) -> Run:
    return Run(job, seat, begin, end)


def test_seats_that_score_all_the_time_are_used_wholly() -> None:
    both = [run("a", LEFT, 10, 12), run("b", RIGHT, 10, 11), run("c", RIGHT, 11, 12)]
    assert runs.seat_use(both, seats=2) == 1


def test_a_seat_that_never_scores_counts_as_idle() -> None:
    assert runs.seat_use([run("a", LEFT, 10, 12)], seats=2) == 0.5


def test_what_a_seat_waits_between_jobs_and_at_the_end_is_not_use() -> None:
    both = [run("a", LEFT, 0, 4), run("b", LEFT, 6, 10), run("c", RIGHT, 0, 8)]
    assert runs.seat_use(both, seats=2) == 16 / 20


def test_gaps_are_between_jobs_of_one_seat_whatever_the_order_they_were_noted_in() -> None:
    both = [run("c", LEFT, 7, 8), run("x", RIGHT, 1, 9), run("a", LEFT, 0, 2), run("b", LEFT, 3, 5)]
    assert runs.gaps(both) == [1, 2]


def test_one_job_a_seat_leaves_no_gap() -> None:
    assert runs.gaps([run("a", LEFT, 0, 2), run("b", RIGHT, 5, 7)]) == []


def test_all_have_begun_when_the_last_seat_has_its_first_job() -> None:
    assert runs.all_begun([run("b", LEFT, 3, 5), run("a", LEFT, 0, 2), run("x", RIGHT, 1, 9)]) == 1


def test_a_job_waits_from_its_claim_until_it_begins() -> None:
    both = [run("a", LEFT, 5, 10), run("b", RIGHT, 7, 9)]
    assert runs.moments({"a": 1, "b": 2}, both)[1:] == [
        Moment(1, waiting=1, scoring=0),
        Moment(2, waiting=2, scoring=0),
        Moment(5, waiting=1, scoring=1),
        Moment(7, waiting=0, scoring=2),
        Moment(9, waiting=0, scoring=1),
        Moment(10, waiting=0, scoring=0),
    ]


def test_a_job_that_is_claimed_as_another_begins_does_not_wait_beside_it_nor_score_beside_one_that_ends() -> None:
    both = [run("b", LEFT, 10, 20), run("a", LEFT, 5, 10), run("c", LEFT, 20, 30)]
    passed = runs.moments({"a": 0, "b": 1, "c": 10}, both)
    assert Moment(10, waiting=1, scoring=1) in passed
    assert max(moment.scoring for moment in passed) == 1


def test_runs_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = [run("a", LEFT, 1.25, 2.5), run("b", RIGHT, 2.0, 3.0)]
    (tmp_path / "runs").write_bytes(b"".join(each.line() for each in written))
    assert runs.read(tmp_path / "runs") == written


def test_no_runs_are_read_where_none_has_ended(tmp_path: Path) -> None:
    assert runs.read(tmp_path / "runs") == []
