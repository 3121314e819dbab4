"""What the bench counts after a fault, on jobs whose fate is plain to see."""

from __future__ import annotations

from math import isnan

from bench.peers.aftermath import Aftermath, aftermath
from bench.runs import Run

FAULT = 10.0
NONE_LEFT = (0, 0)


def run(job: str, begin: float = 0, end: float = 0) -> Run:
    return Run(job, 1, begin, end)


def after(begun: list[Run], commits: list[Run], messages: tuple[int, int] = NONE_LEFT) -> Aftermath:
    return aftermath(["a", "b"], begun, commits, messages, FAULT)


def test_all_is_well_where_each_job_ran_and_was_committed_once() -> None:
    found = after([run("a"), run("b")], [run("a", end=12), run("b", end=15)])
    assert found == Aftermath(lost=0, repeated=0, committed_twice=0, left_invisible=0, seconds=5)


def test_a_job_is_lost_that_has_neither_a_result_nor_a_message() -> None:
    found = after([run("a"), run("b")], [run("a", end=12)])
    assert found.lost == 1
    assert isnan(found.seconds)


def test_a_job_whose_message_will_come_again_is_not_lost_but_not_done_either() -> None:
    found = after([run("a"), run("b")], [run("a", end=12)], messages=(0, 1))
    assert (found.lost, found.left_invisible) == (0, 1)
    assert isnan(found.seconds)


def test_more_messages_than_missing_jobs_make_up_for_no_loss() -> None:
    assert after([run("a")], [run("a", end=12)], messages=(2, 1)).lost == 0


def test_a_job_that_began_twice_is_repeated_though_it_was_committed_once() -> None:
    found = after([run("a"), run("a"), run("a"), run("b")], [run("a", end=12), run("b", end=13)])
    assert (found.repeated, found.committed_twice) == (1, 0)


def test_a_second_result_makes_nobody_recover_later() -> None:
    found = after([run("a"), run("b"), run("a")], [run("a", end=12), run("b", end=13), run("a", end=90)])
    assert (found.committed_twice, found.seconds) == (1, 3)
