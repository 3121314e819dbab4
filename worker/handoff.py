"""A hand-off from one stage to the next: bounded by who puts, closed once nothing more comes."""

import heapq
import threading
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """Between threads: the lowest rank first, and of one rank first in, first out. `put` waits while it is full."""

    def __init__(self, limit: int, rank: Callable[[T], int] = lambda _: 0) -> None:
        self._limit = limit
        self._rank = rank
        self._waiting: list[tuple[int, int, T]] = []
        self._numbers = count()
        self._closed = False
        lock = threading.Lock()
        self._filled = threading.Condition(lock)  # apart from `emptied`, so that one thing wakes one thread and not all
        self._emptied = threading.Condition(lock)

    def put(self, thing: T) -> None:
        """Hand over, waiting for room; what was closed still takes what is under way."""
        with self._emptied:
            self._emptied.wait_for(lambda: self._closed or len(self._waiting) < self._limit)
            heapq.heappush(self._waiting, (self._rank(thing), next(self._numbers), thing))
            self._filled.notify()

    def take(self, limit_seconds: float | None = None) -> T | None:
        """The next thing, waiting for one; None once closed and empty, or after the limit."""
        with self._filled:
            self._filled.wait_for(lambda: self._closed or self._waiting, limit_seconds)
            thing = heapq.heappop(self._waiting)[-1] if self._waiting else None
            self._emptied.notify()
            return thing

    def close(self) -> None:
        """Nothing more comes: whoever waits to take gets what is left, then None."""
        with self._filled:
            self._closed = True
            self._filled.notify_all()
            self._emptied.notify_all()

    def clear(self) -> list[T]:
        """Take all that waits, at once."""
        with self._emptied:
            left = [thing for _, _, thing in sorted(self._waiting)]
            self._waiting.clear()
            self._emptied.notify_all()
            return left
