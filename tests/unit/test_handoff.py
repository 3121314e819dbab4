"""Hand-offs between stages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.handoff import Handoff

SECONDS = 10


@given(st.lists(st.tuples(st.integers(0, 2), st.integers())))
def test_the_lowest_rank_comes_first_and_of_one_rank_the_oldest(things: list[tuple[int, int]]) -> None:
    handoff: Handoff[tuple[int, int]] = Handoff(len(things), rank=lambda thing: thing[0])
    for thing in things:
        handoff.put(thing)
    handoff.close()
    assert list(iter(handoff.take, None)) == sorted(things, key=lambda thing: thing[0])


def test_a_full_one_makes_whoever_puts_wait_until_there_is_room() -> None:
    handoff: Handoff[str] = Handoff(1)
    handoff.put("first")
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(handoff.put, "second")
        with pytest.raises(TimeoutError):
            second.result(0.05)
        assert handoff.take() == "first"
        second.result(SECONDS)
    assert handoff.take() == "second"


def test_a_closed_one_gives_what_is_left_and_then_none() -> None:
    handoff: Handoff[str] = Handoff(2)
    handoff.put("left")
    handoff.close()
    assert (handoff.take(), handoff.take()) == ("left", None)


def test_closing_wakes_whoever_waits() -> None:
    handoff: Handoff[str] = Handoff(1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(handoff.take)
        handoff.close()
        assert waiting.result(SECONDS) is None


def test_what_is_cleared_is_nobody_elses() -> None:
    handoff: Handoff[int] = Handoff(3, rank=lambda number: -number)
    for number in (1, 3, 2):
        handoff.put(number)
    assert handoff.clear() == [3, 2, 1]
    handoff.close()
    assert handoff.take() is None
