"""Places: how many jobs may be in hand at once, and which lane's turn it is to have the next one."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from shared.pools import Lane

BULK_SHARE = 5  # every fifth place goes to bulk first, so that no flood of interactive jobs starves it

# Where the last jobs, one for each place, both came and left within it, those that came within it soon leave. Their
# places are worth a receive ahead, which takes 20 ms on AWS and costs as much for ten messages as for one.
SOON_SECONDS = 1.0

# A lane whose turn it is, and that had a message last, has so long to receive the next one, which takes 20 ms on AWS,
# and 100 at times; then the other one has its place.
ANSWER_SECONDS = 0.1


@dataclass(frozen=True, eq=False)
class Place:
    """One of them, from when it was taken until its job leaves it."""

    taken_at: float


class Places:
    """A counted supply of places, one a job in hand. A lane waits for one to receive, and takes it to claim.

    Where both lanes wait, interactive goes first, but for every fifth place. Nothing is set aside for a receive in
    flight, so none stands empty for a lane that may have no message while the other one has; but for a moment, where
    the lane had one just before, for else the first to receive would have the place and not the one whose turn it is.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._held: set[Place] = set()
        self._clock = clock
        self._left: deque[Place] = deque(maxlen=count)  # the last that were left
        self._waiting: set[Lane] = set()
        self._had: set[Lane] = set()  # that took a place since they last waited to receive
        self._back_by: dict[Lane, float] = {}  # until when one that receives counts as waiting
        self._since_bulk = 0
        self._closed = False
        self._changed = threading.Condition()

    def wait(self, lane: Lane, wait_seconds: float) -> int:
        """Wait so long until a receive is worth while; for how many messages: 0 if none is.

        As many as there are places that the lane may have now, or, where jobs are short, that are soon free.
        """
        with self._changed:
            self._wait(lane, lambda: bool(self._worth(lane)), wait_seconds)
            if lane in self._had:
                self._had.discard(lane)
                self._back_by[lane] = self._clock() + ANSWER_SECONDS
            return 0 if self._closed else self._worth(lane)

    def take(self, lane: Lane, wait_seconds: float) -> Place | None:
        """Wait so long for a place, and take it; None where there was none."""
        with self._changed:
            self._wait(lane, lambda: bool(self._may_have(lane)), wait_seconds)
            if self._closed or not self._may_have(lane):
                return None
            place = Place(self._clock())
            self._held.add(place)
            self._since_bulk = 0 if lane is Lane.BULK else self._since_bulk + 1
            self._had.add(lane)
            self._back_by[lane] = self._clock() + ANSWER_SECONDS
            self._changed.notify_all()
            return place

    def release(self, place: Place) -> None:
        """Its job has left it."""
        with self._changed:
            self._held.remove(place)
            self._left.append(place)
            self._changed.notify_all()

    @property
    def in_hand(self) -> int:
        """How many places are taken."""
        return len(self._held)

    @property
    def _free(self) -> int:
        return self._count - len(self._held)

    def close(self) -> None:
        """Nobody may have any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, lane: Lane, enough: Callable[[], bool], wait_seconds: float) -> None:
        self._back_by.pop(lane, None)
        self._waiting.add(lane)
        self._changed.notify_all()  # now that this lane waits too, it may be the other one's turn
        until = time.monotonic() + wait_seconds
        while not (self._closed or enough()) and (rest := until - time.monotonic()) > 0:
            self._changed.wait(min(rest, self._receiving() or rest))
        self._waiting.discard(lane)
        self._changed.notify_all()

    def _receiving(self) -> float:
        """For how long a lane still counts as waiting that receives."""
        return max([0.0, *(until - self._clock() for until in self._back_by.values())])

    def _wants(self, lane: Lane) -> bool:
        return lane in self._waiting or self._clock() < self._back_by.get(lane, -math.inf)

    def _may_have(self, lane: Lane) -> int:
        """How many places the lane may have now."""
        until_bulk = BULK_SHARE - 1 - self._since_bulk
        if lane is Lane.INTERACTIVE:
            return min(self._free, max(until_bulk, 0)) if self._wants(Lane.BULK) else self._free
        if self._wants(Lane.INTERACTIVE):
            return min(self._free, 1) if until_bulk <= 0 else 0
        return self._free

    def _worth(self, lane: Lane) -> int:
        short = len(self._left) == self._count and all(map(self._is_new, self._left))
        soon = sum(map(self._is_new, self._held)) if short else 0
        return self._free + soon if soon else self._may_have(lane)

    def _is_new(self, place: Place) -> bool:
        return self._clock() - place.taken_at < SOON_SECONDS
