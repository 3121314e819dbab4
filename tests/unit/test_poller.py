"""What is received, and into which place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event
from unittest.mock import Mock, create_autospec

import pytest

from shared.pools import Lane
from worker.accounts import Accounts
from worker.handoff import Handoff
from worker.keeper import Keeper
from worker.messages import Messages
from worker.places import Places
from worker.poller import Poller
from worker.watchdog import Watchdog
from worker.work import Message, Work

SECONDS = 10
IN_HAND = 4


class Queues:
    """The lanes' queues: a receive waits for its first message, as long as it is told or until the test ends."""

    def __init__(self) -> None:
        self.messages = {lane: SimpleQueue[Message]() for lane in Lane}
        self.polled = {lane: Event() for lane in Lane}
        self.ended = Event()

    def send(self, lane: Lane, count: int) -> None:
        for number in range(count):
            self.messages[lane].put(Message(f"{lane}-{number}", lane, "{}", "receipt", 1))

    def receive(self, lane: Lane, most: int, wait_seconds: int) -> list[Message]:
        self.polled[lane].set()
        deadline, received = time.monotonic() + wait_seconds, list[Message]()
        while not received and not self.ended.is_set() and time.monotonic() < deadline:
            try:
                received.append(self.messages[lane].get(timeout=0.01))
                while len(received) < most:
                    received.append(self.messages[lane].get_nowait())
            except Empty:
                continue
        return received


@pytest.fixture
def queues() -> Queues:
    return Queues()


@pytest.fixture
def places() -> Places:
    return Places(IN_HAND)


@pytest.fixture
def inbox() -> Handoff[Work]:
    return Handoff(2 * IN_HAND)


@pytest.fixture
def keeper() -> Mock:
    made: Mock = create_autospec(Keeper, instance=True)
    return made


@pytest.fixture(autouse=True)
def poller(queues: Queues, places: Places, inbox: Handoff[Work], keeper: Mock) -> Iterator[Poller]:
    messages = create_autospec(Messages, instance=True)
    messages.receive.side_effect = queues.receive
    poller = Poller(
        messages=messages,
        places=places,
        keeper=keeper,
        inbox=inbox,
        watchdog=Watchdog(SECONDS),
        accounts=create_autospec(Accounts, instance=True),
        closed=lambda: None,
        poll_seconds=SECONDS,
    )
    poller.start()
    yield poller
    queues.ended.set()
    poller.stop()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_with_messages_fills_every_place_though_the_other_one_is_waited_on(
    lane: Lane, queues: Queues, places: Places
) -> None:
    for polled in queues.polled.values():
        assert polled.wait(SECONDS)
    queues.send(lane, 10)
    wait_until(lambda: places.in_hand == IN_HAND)


def test_no_more_is_received_than_there_are_places(queues: Queues, places: Places) -> None:
    queues.send(Lane.BULK, 10)
    wait_until(lambda: places.in_hand == IN_HAND and Lane.BULK in places._waiting)
    assert queues.messages[Lane.BULK].qsize() == 10 - IN_HAND


def test_what_comes_when_the_other_lane_has_filled_every_place_is_kept_until_there_is_one(
    queues: Queues, places: Places, inbox: Handoff[Work], keeper: Mock
) -> None:
    assert queues.polled[Lane.INTERACTIVE].wait(SECONDS)
    queues.send(Lane.BULK, IN_HAND)
    for _ in range(IN_HAND):
        inbox.take()
    queues.send(Lane.INTERACTIVE, 1)
    wait_until(lambda: Lane.INTERACTIVE in places._waiting)
    assert keeper.hold.call_count == IN_HAND + 1
    assert inbox.clear() == []
    places.release()
    late = inbox.take()
    assert late is not None
    assert late.message.lane is Lane.INTERACTIVE
