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
from worker.watchdog import Watchdog
from worker.work import Message, Work

CONTENDED_SECONDS = 1  # a poll that holds places others could use; never 0, which may be falsely empty
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
        """While `closed` gives a reason, nothing is received."""
        self._closed = closed
        self._messages = messages
        self._places = places
        self._keeper = keeper
        self._inbox = inbox
        self._watchdog = watchdog
        self._accounts = accounts
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._patience = Patience()
        self._threads = [threading.Thread(target=self._run, args=(lane,), name=_loop(lane)) for lane in Lane]

    def start(self) -> None:
        """Begin to receive; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Receive no more; waits for the receives in flight, whose messages are handed on."""
        self._stopping.set()
        self._patience.end()
        self._places.close()
        for thread in self._threads:
            if thread.ident is not None:  # never started, where the worker ends while its seats warm up
                thread.join()

    def _run(self, lane: Lane) -> None:
        most = 1  # a poll that waits holds one place; a lane with messages takes as many as it may
        while self._open(lane):
            if not (reserved := self._places.reserve(lane, most, self._watchdog.step_seconds)):
                continue
            received = [] if self._closed() else self._receive(lane, reserved)  # it may have closed meanwhile
            works = [work for message in received if (work := _work(message))]
            self._places.fill(lane, reserved, len(works))
            most = MOST_AT_ONCE if works else 1
            for work in works:
                self._keeper.hold(work)
                self._inbox.put(work)
        self._watchdog.ended(_loop(lane))

    def _open(self, lane: Lane) -> bool:
        """Wait while there is a reason to receive nothing; whether to go on."""
        self._watchdog.turn(_loop(lane))
        while self._closed() and not self._stopping.wait(CLOSED_SECONDS):
            self._watchdog.turn(_loop(lane))
        return not self._stopping.is_set()

    def _receive(self, lane: Lane, most: int) -> list[Message]:
        brief = most > 1 or self._places.contended(lane)
        seconds = min(CONTENDED_SECONDS, self._poll_seconds) if brief else self._poll_seconds

        def receive() -> list[Message]:
            self._watchdog.turn(_loop(lane))
            return self._messages.receive(lane, most, seconds)

        try:
            messages = self._patience(receive)
        except GaveUp:
            return []
        except Exception:
            log.exception("receive_failed", lane=lane)  # whatever it is, the poller lives on
            self._stopping.wait(LONGEST_WAIT_SECONDS)
            return []
        self._accounts.received(lane, len(messages))
        return messages


def _loop(lane: Lane) -> str:
    return f"poller-{lane}"


def _work(message: Message) -> Work | None:
    """The work that a message stands for; None where this host has no descriptors left for it."""
    try:
        return Work(message)
    except OSError:
        log.exception("message_left", message_id=message.id)  # it comes again by its visibility
        return None
