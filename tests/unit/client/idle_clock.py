"""A clock that never sleeps: time goes by at once, and the naps are remembered."""

from __future__ import annotations


class IdleClock:
    """Stands in for the `time` module."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    def monotonic(self) -> float:
        """The sum of all naps."""
        return sum(self.naps)

    def sleep(self, seconds: float, /) -> None:
        """Remember the nap and return."""
        self.naps.append(seconds)
