"""Receives messages while there are places, or soon will be, and hands each on once it has one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

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
    """Long-polls each lane while that is worth it, on a thread a lane."""

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
        while self._open(lane):
            if most := self._places.wait(lane, self._watchdog.step_seconds):
                self._take(lane, min(most, MOST_AT_ONCE))
        self._watchdog.ended(_loop(lane))

    def _take(self, lane: Lane, most: int) -> None:
        """Receive so many, and hand each on with a place of its own.

        Where other jobs took the places meanwhile they are kept, unclaimed, for a while, and what has no place by then
        goes back: another host may have one. They go back, too, where there is a reason by then to receive nothing.
        """
        works = deque(self._receive(lane, most, BRIEF_SECONDS if self._places.in_hand else self._poll_seconds))
        until = time.monotonic() + self._watchdog.step_seconds
        while works and (place := self._places.take(lane, until - time.monotonic())):
            if self._closed():
                self._places.release(place)
                break
            works[0].place = place
            self._inbox.put(works.popleft())
            self._watchdog.turn(_loop(lane))
        self._return(works)

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
        if not self._closed():
            return works
        self._return(works)
        return []

    def _return(self, works: Iterable[Work]) -> None:
        """What was received goes back, unclaimed; once the worker ends, whoever ends it does that."""
        for work in works:
            if self._stopping.is_set():
                self._late.append(work)
                continue
            self._watchdog.turn(_loop(work.message.lane))
            self._keeper.let_go(work)  # first, for a beat would hide the message again
            self._messages.hide(work.message, 0)  # one try: a loop that is watched must turn
            self._accounts.unclaimed()
            work.cancelled.close()


def _loop(lane: Lane) -> str:
    return f"poller-{lane}"


def _work(message: Message) -> Work | None:
    """The work that a message stands for; None where this host has no descriptors left for it."""
    try:
        return Work(message)
    except OSError:
        log.exception("message_left", message_id=message.id)  # it comes again by its visibility
        return None
