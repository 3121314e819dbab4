"""Clocks that a test sets."""

import time


class SettableClock:
    """Stands still until it is moved. Starts in 2026."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        """Let that much time go by."""
        self.now += seconds


def now() -> float:
    """The time as `time.time` tells it at this moment, be it that a test's clock stands in for it."""
    return time.time()
