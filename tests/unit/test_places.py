"""Which lane gets the next place."""

from __future__ import annotations

import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.pools import Lane
from worker.places import ANSWER_SECONDS, BULK_SHARE, SOON_SECONDS, Place, Places

SECONDS = 10
NO_SECONDS = 0.01


class Clock:
    """A clock that is told the time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wait_until_waiting(places: Places, *lanes: Lane) -> None:
    """Until these lanes wait for a place. Nobody tells, so it is looked at again and again."""
    while not places._waiting.issuperset(lanes):
        time.sleep(0.001)


def take(places: Places, number: int, lane: Lane = Lane.BULK) -> list[Place]:
    taken = [places.take(lane, SECONDS) for _ in range(number)]
    return [place for place in taken if place]


@pytest.mark.parametrize("lane", Lane)
def test_as_many_are_worth_receiving_as_there_are_places(lane: Lane) -> None:
    places = Places(4)
    assert places.wait(lane, SECONDS) == 4
    take(places, 3)
    assert places.wait(lane, SECONDS) == 1


def test_who_only_waited_to_receive_has_taken_nothing() -> None:
    places = Places(4)
    assert places.wait(Lane.INTERACTIVE, SECONDS)
    take(places, 4, Lane.BULK)
    assert places.in_hand == 4


def test_nothing_is_worth_receiving_while_every_place_is_taken() -> None:
    places = Places(1)
    take(places, 1)
    assert places.wait(Lane.INTERACTIVE, NO_SECONDS) == 0


class Jobs:
    """Each of so many places has a job, and each job that leaves makes room for the next one."""

    def __init__(self, count: int) -> None:
        self.clock = Clock()
        self.places = Places(count, self.clock)
        self._held = take(self.places, count)

    def last(self, *seconds: float) -> None:
        """The oldest ones leave one after the other, each so long after the one before."""
        for passed in seconds:
            self.clock.now += passed
            self.places.release(self._held.pop(0))
            self._held += take(self.places, 1)

    def worth(self) -> int:
        return self.places.wait(Lane.BULK, NO_SECONDS)


def test_where_jobs_are_so_short_that_every_place_is_soon_free_as_many_are_worth_receiving() -> None:
    jobs = Jobs(2)
    jobs.last(SOON_SECONDS / 4, SOON_SECONDS / 4)
    assert jobs.worth() == 2
    assert not jobs.places.take(Lane.BULK, NO_SECONDS)
    jobs.clock.now += SOON_SECONDS
    assert jobs.worth() == 0


def test_one_short_job_says_nothing_of_the_others() -> None:
    jobs = Jobs(2)
    jobs.last(SOON_SECONDS / 4)
    assert jobs.worth() == 0


def test_long_jobs_that_end_together_are_not_short() -> None:
    jobs = Jobs(2)
    jobs.last(SOON_SECONDS, 0)
    assert jobs.worth() == 0


def test_beside_long_jobs_the_one_place_that_short_ones_have_is_worth_one() -> None:
    clock = Clock()
    places = Places(4, clock)
    take(places, 3)
    clock.now += SOON_SECONDS
    for _ in range(10):
        (place,) = take(places, 1)
        clock.now += SOON_SECONDS / 10
        places.release(place)
    take(places, 1)
    assert places.wait(Lane.BULK, NO_SECONDS) == 1


def test_a_place_that_bulk_waits_for_lets_interactive_look_all_the_same() -> None:
    places = Places(1)
    (held,) = take(places, 1)
    with ThreadPoolExecutor(2) as threads:
        taken = threads.submit(places.take, Lane.BULK, SECONDS)
        wait_until_waiting(places, Lane.BULK)
        looked = threads.submit(places.wait, Lane.INTERACTIVE, SECONDS)
        wait_until_waiting(places, Lane.INTERACTIVE)
        places.release(held)
        assert looked.result(SECONDS)
        assert taken.result(SECONDS)


def test_every_fifth_place_goes_to_bulk_while_both_wait() -> None:
    places, taken = Places(1), []
    (held,) = take(places, 1)

    def wait(lane: Lane) -> tuple[Lane, Place]:
        (place,) = take(places, 1, lane)
        return lane, place

    with ThreadPoolExecutor(2) as threads:
        waiting = {threads.submit(wait, lane) for lane in Lane}
        for _ in range(3 * BULK_SHARE):
            wait_until_waiting(places, *Lane)
            places.release(held)
            done, waiting = futures.wait(waiting, SECONDS, return_when=futures.FIRST_COMPLETED)
            ((lane, held),) = (future.result() for future in done)
            taken.append(lane)
            waiting.add(threads.submit(wait, lane))
        places.close()
        for future in waiting:
            future.exception(SECONDS)
    assert [lane is Lane.BULK for lane in taken] == ([False] * (BULK_SHARE - 1) + [True]) * 3


def test_while_a_lane_that_had_one_just_now_receives_the_other_does_not_take_its_turn_but_for_long() -> None:
    clock = Clock()
    places = Places(2, clock)
    held, _ = take(places, 2, Lane.INTERACTIVE)
    with ThreadPoolExecutor(2) as threads:
        looked = threads.submit(places.wait, Lane.INTERACTIVE, SECONDS)
        taken = threads.submit(places.take, Lane.BULK, SECONDS)
        wait_until_waiting(places, *Lane)
        places.release(held)
        assert looked.result(SECONDS) == 1
        assert not futures.wait([taken], NO_SECONDS).done
        clock.now += ANSWER_SECONDS
        assert taken.result(SECONDS)


def test_after_a_flood_of_interactive_jobs_bulk_that_waits_is_owed_the_next_place() -> None:
    places = Places(2 * BULK_SHARE)
    held, *_ = take(places, 10, Lane.INTERACTIVE)
    with ThreadPoolExecutor(2) as threads:
        each = {lane: threads.submit(places.take, lane, SECONDS) for lane in Lane}
        wait_until_waiting(places, *Lane)
        places.release(held)
        assert each[Lane.BULK].result(SECONDS)
        assert not each[Lane.INTERACTIVE].done()
        places.close()
    assert places.in_hand == 10


def test_who_waited_long_enough_gets_none_and_waits_no_more() -> None:
    places = Places(1)
    (held,) = take(places, 1)
    assert not places.take(Lane.INTERACTIVE, NO_SECONDS)
    assert not places._waiting
    places.release(held)
    assert places.take(Lane.INTERACTIVE, NO_SECONDS)


def test_closing_wakes_whoever_waits() -> None:
    places = Places(1)
    take(places, 1)
    with ThreadPoolExecutor(2) as threads:
        taken = threads.submit(places.take, Lane.BULK, SECONDS)
        looked = threads.submit(places.wait, Lane.INTERACTIVE, SECONDS)
        places.close()
        assert not taken.result(SECONDS)
        assert not looked.result(SECONDS)


class PlacesMachine(RuleBasedStateMachine):
    """Whatever the order of takes and releases, no place is lost and none is given twice."""

    COUNT = 5

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.places = Places(self.COUNT, self.clock)
        self.held: list[Place] = []

    @rule(lane=st.sampled_from(Lane))
    def take(self, lane: Lane) -> None:
        self.clock.now += ANSWER_SECONDS  # by then the other lane's turn is over
        place = self.places.take(lane, 0)
        assert (place is None) == (len(self.held) == self.COUNT)
        self.held += [place] if place else []

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.held))
        self.held.remove(place)
        self.places.release(place)

    @rule()
    def pass_time(self) -> None:
        self.clock.now += SOON_SECONDS

    @rule(lane=st.sampled_from(Lane))
    def wait(self, lane: Lane) -> None:
        """Never for more than there are places, nor for those that long jobs have."""
        self.clock.now += ANSWER_SECONDS
        long = sum(self.clock.now - place.taken_at >= SOON_SECONDS for place in self.held)
        free = self.COUNT - len(self.held)
        assert free <= self.places.wait(lane, 0) <= self.COUNT - long

    @invariant()
    def counts_agree(self) -> None:
        assert self.places.in_hand == len(self.held)


TestPlaces = PlacesMachine.TestCase
