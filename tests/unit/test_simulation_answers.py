"""What is made of a simulated day: the fewest hosts, what waits when, and how a table says it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.drawing import as_duration
from bench.simulation import goals, loss, table
from bench.simulation.burst import by_minute, waiting_jobs
from bench.simulation.goals import BURST, EVENLY, Goal, Question, fewest, need, pools
from bench.simulation.jobs import Job, Lengths, seat_use, waits
from bench.simulation.terms import Terms
from bench.simulation.worker import Host
from shared.pools import Lane

TERMS = Terms(seed=863, lengths=Lengths(10, 0.5), host=Host(seats=2, prefetch=2))


def done(at: float, begun: float, ended: float, lane: Lane = Lane.INTERACTIVE) -> Job:
    return Job(at, lane, ended - begun, begun, ended)


@given(needed=st.integers(1, 99), about=st.floats(0.9, 1.1))
def test_the_fewest_hosts_are_found_from_about_there(needed: int, about: float) -> None:
    assert fewest(lambda hosts: hosts >= needed, needed * about) == needed


@given(needed=st.integers(100, 5_000))
def test_of_many_hosts_they_are_found_within_a_hundredth(needed: int) -> None:
    assert needed <= fewest(lambda hosts: hosts >= needed, needed * 0.98) <= needed * 1.02


def test_a_goal_is_met_by_the_fewest_hosts_and_not_by_one_less() -> None:
    asked = Question(TERMS, Goal("all in one hour", 1, 1.0), 1_000)
    needed = need(asked)
    assert needed.wait_p95 <= goals.WAIT_SECONDS < goals.as_one_pool(asked, needed.hosts - 1).wait_p95


def test_a_goal_counts_the_interactive_jobs_that_wait_too_long() -> None:
    jobs = [*(done(0, 1, 2) for _ in range(95)), *(done(0, 100, 101) for _ in range(5)), done(0, 900, 901, Lane.BULK)]
    assert goals.wait_p95(jobs) <= goals.WAIT_SECONDS
    assert goals.wait_p95([*jobs, done(0, 100, 101)]) > goals.WAIT_SECONDS


def test_a_goal_with_an_hour_to_be_done_in_is_missed_by_one_late_job() -> None:
    goal, soon, late = Goal("", 1, 0.1, done_hours=8), done(0, 1, 2), done(0, 1, 8 * 3600 + 1, Lane.BULK)
    assert goal.met([soon])
    assert not goal.met([soon, late])


def test_an_even_day_leaves_seats_a_tenth_of_their_time() -> None:
    assert need(Question(TERMS, EVENLY, 50_000)).hosts == 4  # 5.8 seats are busy, and 6 would be for 96 %


def test_a_burst_is_shared_by_pools_but_an_even_day_is_one() -> None:
    assert pools(BURST, 2_000_000) == 10
    assert pools(BURST, 200_000) == pools(EVENLY, 2_000_000) == 1


def test_waits_are_told_by_lane() -> None:
    jobs = [done(0, 5, 6), done(1, 3, 4, Lane.BULK)]
    assert waits(jobs).tolist() == [5, 2]
    assert waits(jobs, Lane.BULK).tolist() == [2]
    assert seat_use(jobs, seats=1) == 2 / 3


def test_jobs_wait_from_their_message_to_their_begin() -> None:
    jobs = [done(0, 10, 20), done(5, 20, 30)]
    assert waiting_jobs(jobs, np.array([1.0, 6, 12, 25])).tolist() == [1, 2, 1, 0]


def test_minutes_are_by_when_jobs_come() -> None:
    minutes, p95 = by_minute([done(10, 11, 12), done(130, 139, 140), done(130, 139, 140)], Lane.INTERACTIVE)
    assert (minutes.tolist(), p95.tolist()) == ([0, 2], [1, 9])


def test_a_day_with_a_lost_host_is_looked_at_in_slices_of_arrivals() -> None:
    jobs = [done(number * loss.SLICE + 1, number * loss.SLICE + 1 + number, 1e6) for number in range(72)]
    times, p95 = loss.slices(jobs)
    assert times[:3].tolist() == [0, 300, 600]
    assert p95.tolist() == pytest.approx(list(range(72)))


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.54, "0.5 s"), (9.96, "10.0 s"), (42, "42 s"), (300, "5 min"), (9000, "2.5 h")]
)
def test_durations_are_said_in_the_unit_that_people_would_take(seconds: float, said: str) -> None:
    assert table.duration(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(0.1, "100 ms"), (30, "30 s"), (180, "3 min"), (10800, "3 h")])
def test_ticks_are_durations(seconds: float, said: str) -> None:
    assert as_duration(seconds) == said
