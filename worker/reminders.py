"""Reminders: what is said over and over is told when it is news, and then once in a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

REMIND_SECONDS = 600.0


class Reminders:
    """What was last told about each thing. Safe between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[Hashable, tuple[str | None, float]] = {}
        self._lock = threading.Lock()

    def due(self, about: Hashable, what: str) -> bool:
        """Whether to tell that now: it is not what was last told about it, or that is `REMIND_SECONDS` ago."""
        with self._lock:
            now = self._clock()
            last, told_at = self._told.get(about, (None, now))
            if what == last and now - told_at < REMIND_SECONDS:
                return False
            self._told[about] = (what, now)
            return True

    def forget(self, about: Hashable) -> bool:
        """It is over; whether anything had been told about it."""
        with self._lock:
            return self._told.pop(about, None) is not None
