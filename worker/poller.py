"""Receives messages, each into a place reserved for it beforehand."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared import logs
from shared.pools import Lane
from worker.accounts import Accounts
from worker.handoff import Handoff
from worker.keeper import Keeper
from worker.messages import MOST_AT_ONCE, Messages
from worker.patience import LONGEST_WAIT_SECONDS, GaveUp, Patience
from worker.places import Places
from worker.reminders import Reminders
from worker.watchdog import Watchdog
from worker.work import Message, Work

BRIEF_SECONDS = 1  # a poll with work in hand; never 0, which may be falsely empty
CLOSED_SECONDS = 1.0  # how often a closed poller looks whether it may receive again

log = logs.get(__name__)


class Poller:
    """Long-polls each lane while there are places, on a thread a lane."""

    def __init__(  # noqa: PLR0913 - a stage meets the parts that it works with
        self,
        *,
        messages: Messages,
        places: Places,
        keeper: Keeper,
        inbox: Handoff[Work],
        watchdog: Watchdog,
        accounts: Accounts,
        closed: Callable[[], object],
        poll_seconds: int,
    ) -> None:
        """While `closed` gives a reason, or cannot tell, nothing is received."""
        self._why_closed = closed
        self._reminders = Reminders()
        self._messages = messages
        self._places = places
        self._keeper = keeper
        self._inbox = inbox
        self._watchdog = watchdog
        self._accounts = accounts
        self._poll_seconds = poll_seconds
        self._late: list[Work] = []
        self._stopping = threading.Event()
        self._patience = Patience()
        self._threads = [threading.Thread(target=self._run, args=(lane,), name=_loop(lane)) for lane in Lane]

    def start(self) -> None:
        """Begin to receive; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Work]:
        """Receive no more; waits for the receives in flight. What came too late to be handed on: it is to go back."""
        self._stopping.set()
        self._patience.end()
        self._places.close()
        for thread in self._threads:
            if thread.ident is not None:  # never started, where the worker ends while its seats warm up
                thread.join()
        return self._late

    def _run(self, lane: Lane) -> None:
        more = False
        while self._open(lane):
            more = self._take_more(lane) if more else self._await_one(lane)
        self._watchdog.ended(_loop(lane))

    def _take_more(self, lane: Lane) -> bool:
        """Receive from a lane that had messages into as many places as it may have; whether there may be more."""
        reserved = self._places.reserve(lane, MOST_AT_ONCE, self._watchdog.step_seconds)
        if not reserved:
            return True
        works = self._receive(lane, reserved, BRIEF_SECONDS)
        self._places.fill(lane, reserved, len(works))
        for work in works:
            self._inbox.put(work)
        return bool(works)

    def _await_one(self, lane: Lane) -> bool:
        """Wait for a message of a lane that had none, without a place; whether one came.

        Where the other lane has filled every place meanwhile, it is kept, and not claimed until there is one for it.
        """
        if not self._places.wait_free(lane, self._watchdog.step_seconds):
            return False
        works = self._receive(lane, 1, BRIEF_SECONDS if self._places.in_hand else self._poll_seconds)
        while works and not self._places.reserve(lane, 1, self._watchdog.step_seconds):
            self._watchdog.turn(_loop(lane))
            works = self._unless_closed(works)
        if works:
            self._places.fill(lane, 1, 1)
        for work in works:
            self._inbox.put(work)
        return bool(works)

    def _closed(self) -> bool:
        try:
            closed = bool(self._why_closed())
        except Exception as error:  # a lane that is polled no more would be missed by nobody
            if self._reminders.due(self, f"{type(error).__name__}: {error}"):
                log.exception("condition_unknown")
            return True
        self._reminders.forget(self)
        return closed

    def _open(self, lane: Lane) -> bool:
        """Wait while there is a reason to receive nothing; whether to go on."""
        self._watchdog.turn(_loop(lane))
        while self._closed() and not self._stopping.wait(CLOSED_SECONDS):
            self._watchdog.turn(_loop(lane))
        return not self._stopping.is_set()

    def _receive(self, lane: Lane, most: int, wait_seconds: int) -> list[Work]:
        """What came within so many seconds, kept from here on."""
        if self._closed():  # meanwhile
            return []

        def receive() -> list[Message]:
            self._watchdog.turn(_loop(lane))
            return self._messages.receive(lane, most, wait_seconds)

        try:
            messages = self._patience(receive)
        except GaveUp:
            return []
        except Exception:
            log.exception("receive_failed", lane=lane)  # whatever it is, the poller lives on
            self._stopping.wait(LONGEST_WAIT_SECONDS)
            return []
        self._accounts.received(lane, len(messages))
        works = [work for message in messages if (work := _work(message))]
        for work in works:
            self._keeper.hold(work)
        return self._unless_closed(works)

    def _unless_closed(self, works: list[Work]) -> list[Work]:
        """What was received, while there is no reason to receive nothing; else it goes back, unclaimed."""
        if self._stopping.is_set():
            self._late += works
            return []
        if not self._closed():
            return works
        for work in works:
            self._keeper.let_go(work)  # first, for a beat would hide the message again
            self._messages.hide(work.message, 0)  # one try: a loop that is watched must turn
            self._accounts.unclaimed()
            work.cancelled.close()
        return []


def _loop(lane: Lane) -> str:
    return f"poller-{lane}"


def _work(message: Message) -> Work | None:
    """The work that a message stands for; None where this host has no descriptors left for it."""
    try:
        return Work(message)
    except OSError:
        log.exception("message_left", message_id=message.id)  # it comes again by its visibility
        return None
