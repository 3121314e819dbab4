"""Receives messages, each into a place reserved for it beforehand."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared import logs
from shared.pools import Lane
from worker.handoff import Handoff
from worker.keeper import Keeper
from worker.messages import MOST_AT_ONCE, Messages
from worker.patience import LONGEST_WAIT_SECONDS, GaveUp, Patience
from worker.places import Places
from worker.work import Message, Work

CONTENDED_SECONDS = 1  # a poll that holds places others could use; never 0, which may be falsely empty
CLOSED_SECONDS = 1.0  # how often a closed poller looks whether it may receive again

log = logs.get(__name__)


class Poller:
    """Long-polls each lane while there are places, on a thread a lane."""

    def __init__(
        self,
        *,
        messages: Messages,
        places: Places,
        keeper: Keeper,
        inbox: Handoff[Work],
        closed: Callable[[], object],
        poll_seconds: int,
    ) -> None:
        """While `closed` gives a reason, nothing is received."""
        self._closed = closed
        self._messages = messages
        self._places = places
        self._keeper = keeper
        self._inbox = inbox
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._patience = Patience()
        self._threads = [threading.Thread(target=self._run, args=(lane,), name=f"poller-{lane}") for lane in Lane]

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
        while self._open() and (reserved := self._places.reserve(lane, most)):
            received = [] if self._closed() else self._receive(lane, reserved)  # it may have closed meanwhile
            works = [work for message in received if (work := _work(message))]
            self._places.fill(lane, reserved, len(works))
            most = MOST_AT_ONCE if works else 1
            for work in works:
                self._keeper.hold(work)
                self._inbox.put(work)

    def _open(self) -> bool:
        """Wait while there is a reason to receive nothing; whether to go on."""
        while self._closed() and not self._stopping.wait(CLOSED_SECONDS):
            pass
        return not self._stopping.is_set()

    def _receive(self, lane: Lane, most: int) -> list[Message]:
        brief = most > 1 or self._places.contended(lane)
        seconds = min(CONTENDED_SECONDS, self._poll_seconds) if brief else self._poll_seconds
        try:
            return self._patience(lambda: self._messages.receive(lane, most, seconds))
        except GaveUp:
            return []
        except Exception:
            log.exception("receive_failed")  # whatever it is, the poller lives on
            self._stopping.wait(LONGEST_WAIT_SECONDS)
            return []


def _work(message: Message) -> Work | None:
    """The work that a message stands for; None where this host has no descriptors left for it."""
    try:
        return Work(message)
    except OSError:
        log.exception("message_left")  # it comes again by its visibility
        return None
