"""Which lane gets the next place."""

from __future__ import annotations

import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.pools import Lane
from worker.places import BULK_SHARE, Places

SECONDS = 10


def wait_until_waiting(places: Places, *lanes: Lane) -> None:
    """Until these lanes wait for a place. Nobody tells, so it is looked at again and again."""
    while not places._waiting.issuperset(lanes):
        time.sleep(0.001)


def test_a_receive_gets_as_many_places_as_are_free() -> None:
    places = Places(4)
    assert places.reserve(Lane.INTERACTIVE, 10, SECONDS) == 4


def test_a_lane_is_waited_on_without_a_place_so_that_the_other_may_have_them_all() -> None:
    places = Places(4)
    assert places.wait_free(Lane.INTERACTIVE, SECONDS)
    assert places.reserve(Lane.BULK, 10, SECONDS) == 4
    assert places.in_hand == 0


def test_no_lane_is_waited_on_while_every_place_is_taken() -> None:
    places = Places(1)
    places.fill(Lane.BULK, places.reserve(Lane.BULK, 1, SECONDS), 1)
    assert not places.wait_free(Lane.INTERACTIVE, 0.01)


def test_a_place_that_bulk_waits_for_lets_interactive_be_waited_on_all_the_same() -> None:
    places = Places(1)
    places.fill(Lane.BULK, places.reserve(Lane.BULK, 1, SECONDS), 1)
    with ThreadPoolExecutor(2) as threads:
        taken = threads.submit(places.reserve, Lane.BULK, 1, SECONDS)
        wait_until_waiting(places, Lane.BULK)
        looked = threads.submit(places.wait_free, Lane.INTERACTIVE, SECONDS)
        wait_until_waiting(places, Lane.INTERACTIVE)
        places.release()
        assert looked.result(SECONDS)
        assert taken.result(SECONDS) == 1


def test_the_only_place_goes_to_either_lane() -> None:
    assert Places(1).reserve(Lane.BULK, 10, SECONDS) == 1
    assert Places(1).reserve(Lane.INTERACTIVE, 10, SECONDS) == 1


def test_what_a_receive_did_not_fill_is_free_again() -> None:
    places = Places(3)
    places.fill(Lane.INTERACTIVE, places.reserve(Lane.INTERACTIVE, 10, SECONDS), 1)
    assert places.in_hand == 1
    assert places.reserve(Lane.INTERACTIVE, 10, SECONDS) == 2


def test_every_fifth_place_goes_to_bulk_while_both_wait() -> None:
    places, taken = Places(1), []
    places.fill(Lane.BULK, places.reserve(Lane.BULK, 1, SECONDS), 1)

    def wait(lane: Lane) -> Lane:
        assert places.reserve(lane, 10, SECONDS) == 1
        return lane

    with ThreadPoolExecutor(2) as threads:
        waiting = {threads.submit(wait, lane) for lane in Lane}
        for _ in range(3 * BULK_SHARE):
            wait_until_waiting(places, *Lane)
            places.release()
            done, waiting = futures.wait(waiting, SECONDS, return_when=futures.FIRST_COMPLETED)
            (lane,) = (future.result() for future in done)
            taken.append(lane)
            places.fill(lane, 1, 1)
            waiting.add(threads.submit(wait, lane))
        places.close()
        for future in waiting:
            future.exception(SECONDS)
    assert [lane is Lane.BULK for lane in taken] == ([False] * (BULK_SHARE - 1) + [True]) * 3


def test_after_a_flood_of_interactive_jobs_bulk_that_waits_is_owed_the_next_place() -> None:
    places = Places(2 * BULK_SHARE)
    places.fill(Lane.INTERACTIVE, places.reserve(Lane.INTERACTIVE, 10, SECONDS), 10)
    with ThreadPoolExecutor(1) as threads:
        bulk = threads.submit(places.reserve, Lane.BULK, 10, SECONDS)
        wait_until_waiting(places, Lane.BULK)
        places.release()
        assert places.reserve(Lane.INTERACTIVE, 10, 0.5) == 0
        assert bulk.result(0.5) == 1
    assert places.in_hand == 9


def test_who_waited_long_enough_gets_none_and_waits_no_more() -> None:
    places = Places(1)
    places.reserve(Lane.BULK, 1, SECONDS)
    assert places.reserve(Lane.INTERACTIVE, 1, 0.01) == 0
    assert not places._waiting
    places.fill(Lane.BULK, 1, 0)
    assert places.reserve(Lane.INTERACTIVE, 1, 0.01) == 1


def test_closing_wakes_whoever_waits() -> None:
    places = Places(1)
    places.reserve(Lane.BULK, 1, SECONDS)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(places.reserve, lane, 1, SECONDS) for lane in Lane]
        places.close()
        assert [future.result(SECONDS) for future in waiting] == [0, 0]


class PlacesMachine(RuleBasedStateMachine):
    """Whatever the order of receives and releases, no place is lost and none is given twice."""

    def __init__(self) -> None:
        super().__init__()
        self.places = Places(5)
        self.reserved = dict.fromkeys(Lane, 0)
        self.in_hand = 0

    @rule(lane=st.sampled_from(Lane), most=st.integers(1, 10))
    def reserve(self, lane: Lane, most: int) -> None:
        free = 5 - self.in_hand - sum(self.reserved.values())
        if self.reserved[lane] or not free:
            return  # one receive a lane; with none free it would wait, and nobody would wake it
        self.reserved[lane] = self.places.reserve(lane, most, SECONDS)
        assert 1 <= self.reserved[lane] <= min(most, free)

    @rule(lane=st.sampled_from(Lane), share=st.floats(0, 1))
    def fill(self, lane: Lane, share: float) -> None:
        filled = round(self.reserved[lane] * share)
        self.places.fill(lane, self.reserved[lane], filled)
        self.reserved[lane] = 0
        self.in_hand += filled

    @precondition(lambda self: self.in_hand)
    @rule()
    def release(self) -> None:
        self.places.release()
        self.in_hand -= 1

    @invariant()
    def counts_agree(self) -> None:
        assert self.places.in_hand == self.in_hand


TestPlaces = PlacesMachine.TestCase
