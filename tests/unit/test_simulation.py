"""The simulated service, where the answer is known: by hand, or by queueing theory."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from bench.simulation.jobs import Job, Lengths, seat_use, stream, waits
from bench.simulation.pool import DEAD_SECONDS, Outage, work_off
from bench.simulation.worker import Host
from shared.pools import Lane
from worker.places import BULK_SHARE

ONE_SEAT = Host(seats=1, prefetch=0)
TWO_SEATS = Host(seats=2, prefetch=0)
SEED = 863


def job(at: float, seconds: float = 1, lane: Lane = Lane.INTERACTIVE) -> Job:
    return Job(at, lane, seconds)


def poisson(load: float, spread: float, count: int = 50_000) -> list[Job]:
    """Jobs of a second on average, for one seat."""
    return stream(np.random.default_rng(SEED), count, count / load, Lengths(1, spread), interactive=1)


def mean_wait(jobs: Sequence[Job]) -> float:
    return float(waits(jobs).mean())


def test_on_one_seat_each_job_waits_for_the_rest_of_those_before_it() -> None:
    jobs = [job(0, 5), job(1, 5), job(2, 5), job(20, 5)]
    work_off(jobs, ONE_SEAT, 1)
    assert [each.begun for each in jobs] == [0, 5, 10, 20]
    assert waits(jobs).tolist() == [0, 4, 8, 0]


def test_on_two_seats_whoever_is_first_gets_the_seat_that_is_first_free() -> None:
    jobs = [job(0, 5), job(0, 2), job(1, 5), job(1, 5)]
    work_off(jobs, TWO_SEATS, 1)
    assert [each.begun for each in jobs] == [0, 0, 2, 5]


def test_a_seat_is_used_from_the_first_begin_to_the_last_end() -> None:
    jobs = [job(10, 4), job(10, 2), job(20, 2)]
    work_off(jobs, TWO_SEATS, 1)
    assert seat_use(jobs, seats=2) == 8 / 24


@pytest.mark.parametrize(("load", "spread"), [(0.7, 0), (0.5, 1)])
def test_the_mean_wait_on_one_seat_is_that_of_pollaczek_and_khinchine(load: float, spread: float) -> None:
    jobs = poisson(load, spread)
    work_off(jobs, ONE_SEAT, 1)
    expected = load * (1 + spread**2) / (2 * (1 - load))
    assert mean_wait(jobs) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("seats", [2, 8])
def test_on_several_seats_each_job_in_turn_gets_the_one_that_is_first_free(seats: int) -> None:
    """The recursion of Kiefer and Wolfowitz, on the same jobs."""
    jobs = poisson(0.9 * seats, 1, count=5_000)
    work_off(jobs, Host(seats=seats, prefetch=0), 1)
    free = [0.0] * seats
    for each in jobs:
        begun = max(each.at, heapq.heappop(free))
        assert each.begun == pytest.approx(begun)
        heapq.heappush(free, begun + each.seconds)


def test_interactive_jobs_go_first_but_for_every_fifth_place() -> None:
    jobs = [job(0), *(job(0.5) for _ in range(10)), *(job(0.5, lane=Lane.BULK) for _ in range(10))]
    work_off(jobs, ONE_SEAT, 1)
    order = sorted(jobs, key=lambda each: each.begun)
    bulk = [place for place, each in enumerate(order) if each.lane is Lane.BULK]
    assert bulk[:2] == [BULK_SHARE - 1, 2 * BULK_SHARE - 1]


def test_an_interactive_job_overtakes_bulk_that_is_claimed_but_not_what_a_seat_has() -> None:
    jobs = [*(job(0, 10, Lane.BULK) for _ in range(5)), job(1)]
    work_off(jobs, Host(seats=1, prefetch=2, lead_seconds=1), 1)
    assert jobs[-1].begun == 21  # at 11 a place became free, and the seat took what it had


def test_the_next_job_is_fetched_while_a_seat_scores() -> None:
    jobs = [job(0, 10), job(0, 10), job(0, 10)]
    work_off(jobs, Host(seats=1, prefetch=1, lead_seconds=3), 1)
    assert [each.begun for each in jobs] == [3, 13, 23]


def test_without_prefetch_each_job_is_waited_for() -> None:
    jobs = [job(0, 10), job(0, 10), job(0, 10)]
    work_off(jobs, Host(seats=1, prefetch=0, lead_seconds=3), 1)
    assert [each.begun for each in jobs] == [3, 16, 29]


def test_a_job_that_one_host_has_claimed_waits_there_though_another_is_idle() -> None:
    jobs = [job(0, 10), job(0, 1), job(0, 10)]
    work_off(jobs, Host(seats=1, prefetch=1), 2)
    assert jobs[2].begun == 10


def test_between_two_runs_there_is_a_gap() -> None:
    jobs = [job(0, 10), job(0, 10)]
    work_off(jobs, Host(seats=1, prefetch=0, gap_seconds=0.5), 1)
    assert jobs[1].begun == 10.5


def test_what_a_lost_host_had_is_done_by_another_once_its_claims_are_dead() -> None:
    jobs = [job(0, 100), job(1, 100), job(2, 100)]
    work_off(jobs, ONE_SEAT, 2, [Outage(host=0, begin=50, seconds=3600)])
    assert [each.begun for each in jobs] == [201, 1, 101]
    assert DEAD_SECONDS == 90


def test_a_host_that_is_back_takes_part_again() -> None:
    jobs = [job(0, 100), job(100, 10)]
    work_off(jobs, ONE_SEAT, 1, [Outage(host=0, begin=50, seconds=120)])
    assert [each.begun for each in jobs] == [170, 270]  # the older message first


def test_a_host_that_is_lost_twice_loses_no_job() -> None:
    jobs = poisson(0.5, 1, count=200)
    work_off(jobs, Host(seats=1, prefetch=3, lead_seconds=0.1), 2, [Outage(0, 50, 20), Outage(0, 100, 20)])
    assert all(each.ended >= each.begun + each.seconds for each in jobs)


def test_lengths_have_the_mean_and_the_spread_that_are_asked_for() -> None:
    drawn = Lengths(6.5, 0.5).draw(np.random.default_rng(SEED), 100_000)
    assert drawn.mean() == pytest.approx(6.5, rel=0.01)
    assert drawn.std() / drawn.mean() == pytest.approx(0.5, rel=0.02)


def test_lengths_without_spread_are_all_alike() -> None:
    assert Lengths(2).draw(np.random.default_rng(SEED), 3).tolist() == pytest.approx([2, 2, 2])


def test_jobs_come_in_order_and_in_the_lanes_that_are_asked_for() -> None:
    jobs = stream(np.random.default_rng(SEED), 10_000, 3600, Lengths(1), interactive=0.1)
    assert all(earlier.at <= later.at for earlier, later in pairwise(jobs))
    assert sum(each.lane is Lane.INTERACTIVE for each in jobs) == pytest.approx(1000, rel=0.1)


def test_the_same_seed_gives_the_same_day() -> None:
    days = [stream(np.random.default_rng(SEED), 500, 60, Lengths(1, 1), interactive=0.5) for _ in range(2)]
    for day in days:
        work_off(day, Host(seats=2, prefetch=2, lead_seconds=0.1), 3, [Outage(1, 20, 10)])
    first, second = ([(each.begun, each.ended) for each in day] for day in days)
    assert first == second
