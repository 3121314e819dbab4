"""What is received, and into which place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Lock
from unittest.mock import Mock, create_autospec

import pytest
from structlog.testing import capture_logs

from shared.pools import Lane
from worker.accounts import Accounts
from worker.handoff import Handoff
from worker.keeper import Keeper
from worker.messages import Messages
from worker.places import Places
from worker.poller import Poller
from worker.watchdog import STEPS, Watchdog
from worker.work import Message, Work

SECONDS = 10
IN_HAND = 4


class Queues:
    """The lanes' queues: a receive waits for its first message, as long as it is told or until the test ends."""

    def __init__(self) -> None:
        self.messages = {lane: SimpleQueue[Message]() for lane in Lane}
        self.polled = {lane: Event() for lane in Lane}
        self.ended = Event()
        self.together = Lock()  # what is sent within it is received at once
        self.waited_on: Lane | None = None  # a lane whose receives end with the test

    def send(self, lane: Lane, count: int) -> None:
        for number in range(count):
            self.messages[lane].put(Message(f"{lane}-{number}", lane, "{}", "receipt", 1))

    def receive(self, lane: Lane, most: int, wait_seconds: int) -> list[Message]:
        self.polled[lane].set()
        deadline, received = time.monotonic() + wait_seconds, list[Message]()
        while not received and not self.ended.is_set() and (lane is self.waited_on or time.monotonic() < deadline):
            try:
                received.append(self.messages[lane].get(timeout=0.01))
                with self.together:
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


@pytest.fixture
def messages(queues: Queues) -> Mock:
    made: Mock = create_autospec(Messages, instance=True)
    made.receive.side_effect = queues.receive
    return made


@pytest.fixture
def closed() -> Event:
    """Set while there is a reason to receive nothing."""
    return Event()


@pytest.fixture
def watchdog() -> Watchdog:
    return Watchdog(STEPS * SECONDS)


IN_A_HURRY = pytest.mark.parametrize("watchdog", [Watchdog(STEPS * 0.1)])


@pytest.fixture(autouse=True)
def poller(
    queues: Queues,
    messages: Mock,
    places: Places,
    inbox: Handoff[Work],
    keeper: Mock,
    closed: Event,
    watchdog: Watchdog,
) -> Iterator[Poller]:
    poller = Poller(
        messages=messages,
        places=places,
        keeper=keeper,
        inbox=inbox,
        watchdog=watchdog,
        accounts=create_autospec(Accounts, instance=True),
        closed=closed.is_set,
        poll_seconds=SECONDS,
    )
    poller.start()
    yield poller
    queues.ended.set()
    for work in poller.stop():
        work.cancelled.close()


def given_back(messages: Mock, count: int) -> list[str]:
    wait_until(lambda: messages.hide.call_count >= count)
    assert {call.args[1] for call in messages.hide.call_args_list} == {0}
    return sorted(call.args[0].id for call in messages.hide.call_args_list)


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
    fill_beside_a_late_one(queues, places, inbox, keeper)
    assert inbox.clear() == []
    leave(places)
    late = inbox.take()
    assert late is not None
    assert late.message.lane is Lane.INTERACTIVE


@IN_A_HURRY
def test_what_is_kept_for_long_goes_back_for_another_host_may_have_a_place(
    queues: Queues, messages: Mock, places: Places, inbox: Handoff[Work], keeper: Mock
) -> None:
    fill_beside_a_late_one(queues, places, inbox, keeper)
    assert given_back(messages, 1) == ["interactive-0"]
    keeper.let_go.assert_called_once()
    assert (inbox.clear(), places.in_hand) == ([], IN_HAND)


def test_a_lane_that_had_a_message_and_is_looked_at_again_leaves_the_other_every_place(
    queues: Queues, messages: Mock, inbox: Handoff[Work]
) -> None:
    queues.waited_on = Lane.BULK
    queues.send(Lane.BULK, 1)
    inbox.take()
    wait_until(lambda: [call.args[0] for call in messages.receive.call_args_list].count(Lane.BULK) == 2)
    queues.send(Lane.INTERACTIVE, IN_HAND - 1)
    for _ in range(IN_HAND - 1):
        assert inbox.take()


def test_while_jobs_are_short_the_next_messages_are_there_before_their_places(
    queues: Queues, places: Places, inbox: Handoff[Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_clock", lambda: 0.0)
    queues.send(Lane.BULK, 10 * IN_HAND)
    for _ in range(IN_HAND):
        assert inbox.take()
        leave(places)
    wait_until(lambda: queues.messages[Lane.BULK].qsize() < 10 * IN_HAND - 2 * IN_HAND)
    assert queues.messages[Lane.BULK].qsize() >= 10 * IN_HAND - 3 * IN_HAND
    assert places.in_hand == IN_HAND


@pytest.mark.parametrize("lane", Lane)
def test_what_comes_just_as_there_is_a_reason_to_receive_nothing_goes_back_unclaimed(
    lane: Lane,
    queues: Queues,
    messages: Mock,
    places: Places,
    inbox: Handoff[Work],
    keeper: Mock,
    closed: Event,
) -> None:
    assert queues.polled[lane].wait(SECONDS)
    closed.set()
    queues.send(lane, 1)
    assert given_back(messages, 1) == [f"{lane}-0"]
    keeper.let_go.assert_called_once()
    assert inbox.clear() == []
    wait_until(lambda: places.in_hand == 0)


@IN_A_HURRY
def test_what_waits_for_a_place_goes_back_when_there_is_a_reason_to_receive_nothing(
    queues: Queues, messages: Mock, places: Places, inbox: Handoff[Work], keeper: Mock, closed: Event
) -> None:
    fill_beside_a_late_one(queues, places, inbox, keeper)
    closed.set()
    assert given_back(messages, 1) == ["interactive-0"]
    leave(places)
    assert inbox.clear() == []
    assert places.in_hand == IN_HAND - 1


def test_of_what_waits_for_places_none_is_claimed_once_there_is_a_reason_to_receive_nothing(
    queues: Queues, messages: Mock, places: Places, inbox: Handoff[Work], keeper: Mock, closed: Event
) -> None:
    fill_beside_late_ones(queues, places, inbox, keeper, IN_HAND)
    closed.set()
    for _ in range(IN_HAND):
        leave(places)
    assert given_back(messages, IN_HAND) == [f"interactive-{number}" for number in range(IN_HAND)]
    assert inbox.clear() == []
    wait_until(lambda: places.in_hand == 0)


@IN_A_HURRY
def test_a_lane_that_gives_back_slowly_is_not_stuck(
    queues: Queues, messages: Mock, places: Places, inbox: Handoff[Work], keeper: Mock, watchdog: Watchdog
) -> None:
    stuck: list[str] = []

    def time_out(*_: object) -> None:
        time.sleep(STEPS * 0.1 / 2)
        stuck.extend(watchdog.stuck())

    messages.hide.side_effect = time_out
    fill_beside_late_ones(queues, places, inbox, keeper, IN_HAND)
    given_back(messages, IN_HAND)
    assert stuck == []


def test_what_is_being_given_back_at_the_end_is_left_to_who_ends_it(
    poller: Poller, queues: Queues, messages: Mock, places: Places, inbox: Handoff[Work], keeper: Mock, closed: Event
) -> None:
    giving_back, ending = Event(), Event()

    def time_out(*_: object) -> None:
        giving_back.set()
        assert ending.wait(SECONDS)

    messages.hide.side_effect = time_out
    fill_beside_late_ones(queues, places, inbox, keeper, IN_HAND)
    closed.set()
    leave(places)
    assert giving_back.wait(SECONDS)
    queues.ended.set()
    poller._stopping.set()
    ending.set()
    assert len(poller.stop()) == IN_HAND - 1
    messages.hide.assert_called_once()


def test_what_waits_for_a_place_at_the_end_takes_none_and_is_left_to_who_ends_it(
    poller: Poller, queues: Queues, places: Places, inbox: Handoff[Work], keeper: Mock
) -> None:
    fill_beside_a_late_one(queues, places, inbox, keeper)
    queues.ended.set()
    assert [work.message.lane for work in poller.stop()] == [Lane.INTERACTIVE]
    assert inbox.clear() == []
    assert places.in_hand == IN_HAND


def leave(places: Places) -> None:
    """One of the jobs in hand leaves its place."""
    places.release(next(iter(places._held)))


def fill_beside_a_late_one(queues: Queues, places: Places, inbox: Handoff[Work], keeper: Mock) -> None:
    """Every place is filled by bulk, and an interactive message was received that waits for one."""
    fill_beside_late_ones(queues, places, inbox, keeper, 1)


def fill_beside_late_ones(queues: Queues, places: Places, inbox: Handoff[Work], keeper: Mock, late: int) -> None:
    """The same beside so many interactive messages: as many as there were places when they were asked for."""
    assert queues.polled[Lane.INTERACTIVE].wait(SECONDS)
    queues.send(Lane.BULK, IN_HAND)
    for _ in range(IN_HAND):
        inbox.take()
    with queues.together:
        queues.send(Lane.INTERACTIVE, late)
    wait_until(lambda: keeper.hold.call_count == IN_HAND + late and Lane.INTERACTIVE in places._waiting)


def test_a_lane_is_polled_again_after_nobody_could_tell_whether_to(
    poller: Poller, queues: Queues, inbox: Handoff[Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Event()

    def odd() -> object:
        asked.set()
        raise ValueError("year 58000 is out of range")

    with capture_logs() as lines:
        monkeypatch.setattr(poller, "_why_closed", odd)
        for lane in Lane:
            queues.send(lane, 1)
        assert asked.wait(SECONDS)
        wait_until(lambda: any(line["event"] == "condition_unknown" for line in lines))
        monkeypatch.undo()
        for lane in Lane:
            queues.send(lane, 1)
        taken: set[Lane] = set()
        while taken != set(Lane):
            work = inbox.take(SECONDS)
            assert work, taken
            taken.add(work.message.lane)
    assert [line["event"] for line in lines].count("condition_unknown") == 1
