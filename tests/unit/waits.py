"""A patience whose waits are over at once."""

from __future__ import annotations

import threading

from worker.patience import Patience


class Waits(threading.Event):
    """The event that a patience waits on: the waits are noted, and over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        return self.is_set()


def quick() -> tuple[Patience, Waits]:
    """It, and what it would have waited."""
    patience, waits = Patience(), Waits()
    patience._ending = waits
    return patience, waits
