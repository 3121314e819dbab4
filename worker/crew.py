"""The threads of a stage: each takes one thing after another from a hand-off."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from shared import logs
from worker.handoff import Handoff

T = TypeVar("T")

log = logs.get(__name__)


class Crew(Generic[T]):
    """`size` threads that handle what comes in; one thing's error is logged and the next is taken."""

    def __init__(
        self,
        name: str,
        size: int,
        inbox: Handoff[T],
        handle: Callable[[T], None],
        about: Callable[[T], AbstractContextManager[object]],
    ) -> None:
        """`about` makes every line logged within say which thing it is about."""
        self._inbox = inbox
        self._handle = handle
        self._about = about
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{number}") for number in range(size)]

    def start(self) -> None:
        """Begin to take; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close the hand-off, let what is left in it be handled, and wait for that."""
        self._inbox.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (thing := self._inbox.take()) is not None:
            try:
                self._handle(thing)
            except Exception:
                with self._about(thing):
                    log.exception("unexpected_error")
