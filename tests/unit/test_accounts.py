"""The accounts: each minute's numbers add up, whatever happened in it, and whoever told of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from shared.job import ErrorCategory, JobError
from shared.pools import Lane
from tests.clock import SettableClock
from tests.unit.accounts_for_tests import SCORED, SEATS, accounts
from worker.ends import End
from worker.engines.engine import EngineError, FailureClass
from worker.work import Crashed, Failed, Outcome, Unscored

SILENT = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="The reference is silent.")


def failed(failure_class: FailureClass) -> Failed:
    return Failed(EngineError(failure_class, "code", "message"))


def numbers(line: Mapping[str, JsonValue]) -> dict[str, float]:
    return {name: value for name, value in line.items() if isinstance(value, int | float)}


# Seat use


def test_seat_use_is_the_share_of_all_seats_seconds_that_they_scored(clock: SettableClock) -> None:
    told = accounts(clock)
    told.begun()
    clock.move(30)
    told.scored(30, counts=True)
    clock.move(30)
    line = told.take()
    assert (line["seconds"], line["busy_seconds"], line["seat_use"]) == (60, 30, 25)


def test_a_score_counts_in_every_minute_that_it_lasts(clock: SettableClock) -> None:
    told = accounts(clock)
    clock.move(50)
    told.begun()
    clock.move(10)
    first = told.take()
    clock.move(60)
    second = told.take()
    clock.move(20)
    told.scored(90, counts=True)
    clock.move(40)
    third = told.take()
    assert [line["busy_seconds"] for line in (first, second, third)] == [10, 60, 20]
    assert [line.get("score_max") for line in (first, second, third)] == [None, None, 90]


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "take"]), st.floats(0, 100)), max_size=60))
def test_seat_use_adds_up_however_scores_and_minutes_lie(steps: list[tuple[str, float]]) -> None:
    clock = SettableClock()
    told = accounts(clock)
    running: list[float] = []
    scored, lines = 0.0, []
    for step, seconds in steps:
        if step == "begin" and len(running) < SEATS:
            running.append(clock())
            told.begun()
        elif step == "end" and running:
            lasted = clock() - running.pop()
            scored += lasted
            told.scored(lasted, counts=True)
        elif step == "take":
            lines.append(numbers(told.take()))
        assert told.busy == len(running)
        clock.move(seconds)
    scored += sum(clock() - began for began in running)
    lines.append(numbers(told.take()))
    assert sum(line["busy_seconds"] for line in lines) == pytest.approx(scored, abs=0.01)
    assert all(0 <= line["seat_use"] <= 100.01 for line in lines)


def test_the_mean_is_of_all_scores_since_the_start(clock: SettableClock) -> None:
    told = accounts(clock)
    assert told.mean_seconds is None
    for seconds in (1, 2, 6):
        told.begun()
        told.scored(seconds, counts=True)
        told.take()
    assert told.mean_seconds == 3


def test_what_a_seat_refused_or_lost_is_no_part_of_the_mean_by_which_clients_are_told_how_long_to_wait(
    clock: SettableClock,
) -> None:
    told = accounts(clock)
    for seconds, counts in ((0.01, False), (5, True), (300, False)):
        told.begun()
        told.scored(seconds, counts=counts)
    assert told.mean_seconds == 5


# What is counted


def test_receives_are_counted_by_lane(clock: SettableClock) -> None:
    told = accounts(clock)
    for lane, messages in ((Lane.INTERACTIVE, 0), (Lane.INTERACTIVE, 3), (Lane.BULK, 10)):
        told.received(lane, messages)
    line = told.take()
    assert (line["receive_calls"], line["receive_calls_interactive"], line["receive_calls_bulk"]) == (3, 2, 1)
    assert (line["received_interactive"], line["received_bulk"]) == (3, 10)


def test_what_was_told_once_is_in_one_line_only(clock: SettableClock) -> None:
    told = accounts(clock)
    told.claimed(5)
    told.ended(End.FAILED_BAD_INPUT, failed(FailureClass.BAD_INPUT), begun=False, error=SILENT)
    first, second = told.take(), told.take()
    assert (first["claimed"], first["ended_failed_bad_input"], first["queue_wait_max"]) == (1, 1, 5)
    assert (second["claimed"], second["ended_failed_bad_input"]) == (0, 0)
    assert "queue_wait_max" not in second
    assert (first["failed_codes"], second["failed_codes"]) == ({"bad_input/silent": 1}, {})


def test_percentiles_are_values_that_were_told(clock: SettableClock) -> None:
    told = accounts(clock)
    for seconds in range(100, 0, -1):
        told.claimed(seconds)
    line = told.take()
    names = ("queue_wait_mean", "queue_wait_p50", "queue_wait_p95", "queue_wait_max")
    assert [line[name] for name in names] == [50.5, 50, 95, 100]


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_as_many_values_as_the_percentile_says_are_not_above_it(values: list[float]) -> None:
    told = accounts(SettableClock())
    for value in values:
        told.fetched(value)
    line = numbers(told.take())
    for percent in (50, 95):
        below = sum(round(value, 3) <= line[f"fetch_p{percent}"] for value in values)
        strictly = sum(round(value, 3) < line[f"fetch_p{percent}"] for value in values)
        assert strictly / len(values) < percent / 100 <= below / len(values)
    assert line["fetch_max"] == round(max(values), 3)


def test_of_what_only_grows_the_growth_is_told(clock: SettableClock) -> None:
    totals = {"reference_cache_hits": 5}
    told = accounts(clock, totals=totals)
    first = told.take()
    totals["reference_cache_hits"] = 12
    assert (first["reference_cache_hits"], told.take()["reference_cache_hits"]) == (5, 7)


def test_claimed_and_not_begun_is_the_most_there_was_at_once(clock: SettableClock) -> None:
    told = accounts(clock)
    for _ in range(3):
        told.claimed(0)
    told.begun()
    told.ended(End.PUT_BACK, Unscored.PUT_OFF, begun=False, error=None)
    first, second = told.take(), told.take()
    told.begun()
    told.ended(End.SUCCEEDED, SCORED, begun=True, error=None)
    told.take()
    assert (first["claimed_not_begun"], second["claimed_not_begun"]) == (3, 1)
    assert told.take()["claimed_not_begun"] == 0


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (SCORED, None),
        (Unscored.DROPPED, None),
        (Crashed("seat_died"), "crash"),
        *((failed(failure_class), failure_class.value) for failure_class in FailureClass),
    ],
)
def test_failed_attempts_are_counted_by_class(clock: SettableClock, outcome: Outcome, counted: str | None) -> None:
    told = accounts(clock)
    told.ended(End.RETRIED, outcome, begun=True, error=None)
    line = numbers(told.take())
    found = {name.removeprefix("attempts_failed_") for name in line if name.startswith("attempts_failed_")}
    assert {name for name in found if line[f"attempts_failed_{name}"]} == ({counted} - {None})
    assert line["attempts_failed"] == (counted is not None)


def test_nothing_is_lost_between_threads_and_lines(clock: SettableClock) -> None:
    told, ends, each = accounts(clock), list(End), 500
    done, lines = threading.Event(), []

    def tell(number: int) -> None:
        for _ in range(each):
            told.received(Lane.BULK, 2)
            told.claimed(1)
            told.ended(ends[number % len(ends)], SCORED, begun=False, error=None)

    def take() -> None:
        while not done.is_set():
            lines.append(numbers(told.take()))

    taking = threading.Thread(target=take)
    taking.start()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tell, range(8)))
    done.set()
    taking.join()
    total: Counter[str] = Counter()
    for line in [*lines, numbers(told.take())]:
        total.update({name: value for name, value in line.items() if name.startswith(("claimed", "ended", "received"))})
    assert (total["received_bulk"], total["claimed"]) == (8 * each * 2, 8 * each)
    assert sum(total[f"ended_{end}"] for end in End) == 8 * each
