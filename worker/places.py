"""Places: how many jobs may be in hand at once, and which lane's turn it is to have the next one."""

import threading

from shared.pools import Lane

BULK_SHARE = 5  # every fifth place goes to bulk first, so that no flood of interactive jobs starves it


class Places:
    """A counted supply of places, one a job in hand. A receive that is to bring jobs reserves their places first.

    Where both lanes wait, interactive goes first, but for every fifth place. A lane that had no message is waited on
    without a place, so that none stands empty for it while the other lane has jobs.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = count
        self._reserved = 0  # for receives that are in flight
        self._waiting: set[Lane] = set()
        self._since_bulk = 0
        self._closed = False
        self._changed = threading.Condition()

    def wait_free(self, lane: Lane, wait_seconds: float) -> bool:
        """Wait so long until the lane may have a place, without taking it; whether it may."""
        return self._reserve(lane, 0, wait_seconds) > 0

    def reserve(self, lane: Lane, most: int, wait_seconds: float) -> int:
        """Reserve from one to `most` places for a receive, waiting so long for the first; 0 if none came."""
        return min(most, self._reserve(lane, most, wait_seconds))

    def _reserve(self, lane: Lane, most: int, wait_seconds: float) -> int:
        """Reserve up to `most`; how many there were for the lane."""
        with self._changed:
            self._waiting.add(lane)
            self._changed.notify_all()  # now that this lane waits too, it may be the other one's turn
            self._changed.wait_for(lambda: self._closed or self._may_have(lane), wait_seconds)
            self._waiting.discard(lane)
            free = 0 if self._closed else self._may_have(lane)
            self._free -= min(most, free)
            self._reserved += min(most, free)
            self._changed.notify_all()
            return free

    def fill(self, lane: Lane, reserved: int, filled: int) -> None:
        """A receive is over: of its reserved places so many are filled by jobs, the others are free again."""
        with self._changed:
            self._reserved -= reserved
            self._free += reserved - filled
            if lane is Lane.BULK:
                self._since_bulk = 0
            else:
                self._since_bulk += filled
            self._changed.notify_all()

    def release(self) -> None:
        """A job has left its place."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    @property
    def in_hand(self) -> int:
        """How many places are filled by jobs."""
        return self._count - self._free - self._reserved

    def close(self) -> None:
        """Nobody may reserve any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may_have(self, lane: Lane) -> int:
        """How many places the lane may have now."""
        until_bulk = BULK_SHARE - 1 - self._since_bulk
        if lane is Lane.INTERACTIVE:
            return min(self._free, max(until_bulk, 0)) if Lane.BULK in self._waiting else self._free
        if Lane.INTERACTIVE in self._waiting:
            return min(self._free, 1) if until_bulk <= 0 else 0
        return self._free
