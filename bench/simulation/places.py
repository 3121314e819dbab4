"""A worker's places in simulated time: `worker.places`, whose waiting is a thread's, by the same rules."""

from __future__ import annotations

from collections.abc import Generator

import simpy

from shared.pools import Lane
from worker.places import BULK_SHARE

Waiting = Generator[simpy.Event, None, int]


class Places:
    """Interactive goes first where both lanes wait, but for every fifth place.

    What is received ahead of a place, where jobs are shorter than a second, is not imitated.
    """

    def __init__(self, env: simpy.Environment, count: int) -> None:
        self._env = env
        self._free = count
        self._waiting: set[Lane] = set()
        self._since_bulk = 0
        self._changed = env.event()
        self._none_free = env.event()

    def wait(self, lane: Lane) -> Waiting:
        """Wait for the first place that the lane may have; how many there are."""
        self._waiting.add(lane)
        self._notify()
        while not (free := self._may_have(lane)):
            yield self._changed
        self._waiting.discard(lane)
        self._notify()
        return free

    def take(self, lane: Lane) -> Waiting:
        """Wait for a place, and take it."""
        yield from self.wait(lane)
        self._free -= 1
        self._since_bulk = 0 if lane is Lane.BULK else self._since_bulk + 1
        self._notify()
        return 1

    def release(self) -> None:
        """A job has left its place."""
        self._free += 1
        self._notify()

    @property
    def none_free(self) -> bool:
        """Whether every place is taken."""
        return not self._free

    def until_none_free(self) -> simpy.Event:
        """Happens once that is so."""
        return self._env.timeout(0) if self.none_free else self._none_free

    def _notify(self) -> None:
        if self.none_free and self._none_free.callbacks:
            self._none_free.succeed()
            self._none_free = self._env.event()
        if self._changed.callbacks:
            self._changed.succeed()
            self._changed = self._env.event()

    def _may_have(self, lane: Lane) -> int:
        until_bulk = BULK_SHARE - 1 - self._since_bulk
        if lane is Lane.INTERACTIVE:
            return min(self._free, max(until_bulk, 0)) if Lane.BULK in self._waiting else self._free
        if Lane.INTERACTIVE in self._waiting:
            return min(self._free, 1) if until_bulk <= 0 else 0
        return self._free
