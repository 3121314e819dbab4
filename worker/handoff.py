"""A hand-off from one stage to the next: bounded by who puts, closed once nothing more comes."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """First in, first out, between threads. Never grows past `limit`: `put` waits for room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[T] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, thing: T) -> None:
        """Hand over, waiting for room; what was closed still takes what is under way."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._waiting) < self._limit)
            self._waiting.append(thing)
            self._changed.notify_all()

    def take(self) -> T | None:
        """The next thing, waiting for one; None once closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            thing = self._waiting.popleft() if self._waiting else None
            self._changed.notify_all()
            return thing

    def close(self) -> None:
        """Nothing more comes: whoever waits to take gets what is left, then None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def clear(self) -> list[T]:
        """Take all that waits, at once."""
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return left
