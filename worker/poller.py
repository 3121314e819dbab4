"""Receives messages, each into a place reserved for it beforehand."""

from __future__ import annotations

import threading

from shared import logs
from worker.handoff import Handoff
from worker.keeper import Keeper
from worker.messages import MOST_AT_ONCE, Messages
from worker.patience import LONGEST_WAIT_SECONDS, GaveUp, Patience
from worker.places import Places
from worker.work import Message, Work

log = logs.get(__name__)


class Poller:
    """Long-polls a lane while there is a place, on a thread of its own."""

    def __init__(
        self, messages: Messages, places: Places, keeper: Keeper, inbox: Handoff[Work], poll_seconds: int
    ) -> None:
        self._messages = messages
        self._places = places
        self._keeper = keeper
        self._inbox = inbox
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller")
        self._patience = Patience()

    def start(self) -> None:
        """Begin to receive; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Receive no more; waits for the receive in flight, whose messages are handed on."""
        self._stopping.set()
        self._patience.end()
        self._places.close()
        if self._thread.ident is not None:  # never started, where the worker ends while its seats warm up
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set() and (reserved := self._places.reserve(MOST_AT_ONCE)):
            received = self._receive(reserved)
            self._places.release(reserved - len(received))
            for message in received:
                work = Work(message)
                self._keeper.hold(work)
                self._inbox.put(work)

    def _receive(self, most: int) -> list[Message]:
        try:
            return self._patience(lambda: self._messages.receive(most, self._poll_seconds))
        except GaveUp:
            return []
        except Exception:
            log.exception("receive_failed")  # whatever it is, the poller lives on
            self._stopping.wait(LONGEST_WAIT_SECONDS)
            return []
