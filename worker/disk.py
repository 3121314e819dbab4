"""The disk that the worker works on: below a floor of free bytes it receives nothing, until there is room again."""

from __future__ import annotations

import errno
import math
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeGuard

from shared import logs
from worker.engines.engine import EngineError, FailureClass

LOOK_SECONDS = 1.0  # how often the disk is looked at, at most
HELD_SECONDS = 5.0  # after a write failed, whatever the disk says of itself: a quota shows in no figure of it
LONGEST_HELD_SECONDS = 320.0  # where that happens again as soon as it is tried, twice as long each time
WELL_AGAIN = 1.1  # times the floor, or the jobs that come and go would close and open it by turns
DISK_FULL = "disk_full"

log = logs.get(__name__)


def is_full(error: BaseException) -> TypeGuard[OSError]:
    """Whether it means that there was no room to write (errno(3): ENOSPC, EDQUOT)."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def no_room(error: OSError) -> EngineError:
    """What such an error is to the job that met it: `throttled`, for it waits, and no attempt is spent."""
    return EngineError(FailureClass.THROTTLED, DISK_FULL, f"The host has no room to work on the job: {error}.")


class Disk:
    """Looks at the file system of a directory. What may be had back at once, `evict` gives back."""

    def __init__(
        self,
        directory: Path,
        floor_bytes: int,
        evict: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`floor_bytes` are to stay free, for any user; with a floor of 0 only failed writes count."""
        self._directory = directory
        self._floor = floor_bytes
        self._evict = evict
        self._clock = clock
        self._low = False
        self._held = HELD_SECONDS
        self._held_until = -math.inf
        self._look_at = clock()
        self._lock = threading.Lock()

    def low(self) -> bool:
        """Whether less than the floor is free though all was evicted. Ask as often as you like."""
        with self._lock:
            now = self._clock()
            if now >= self._look_at:
                self._look_at = now + LOOK_SECONDS
                self._tell(low=self._looks_low())
            return self._low

    def ran_out(self) -> None:
        """A write failed for want of room: evict all, and be low for a while whatever seems to be free."""
        with self._lock:
            self._evict()
            now = self._clock()
            if not self._low:  # several jobs that find no room at once are one finding
                soon = now < self._held_until + self._held
                self._held = min(self._held * 2, LONGEST_HELD_SECONDS) if soon else HELD_SECONDS
            self._look_at = self._held_until = now + self._held
            self._tell(low=True)

    def heed(self, error: EngineError) -> None:
        """Where a child process tells by it that it ran out of room, that counts as a write of ours that failed."""
        if error.code == DISK_FULL:
            self.ran_out()

    def _looks_low(self) -> bool:
        wanted = self._floor * (WELL_AGAIN if self._low else 1)
        if self.free_bytes() >= wanted:
            return False
        self._evict()
        return self.free_bytes() < wanted

    def free_bytes(self) -> int:
        """What a user without privileges may still write there; nothing, where the directory cannot be had."""
        try:
            return shutil.disk_usage(self._directory).free
        except OSError:
            return 0

    def _tell(self, *, low: bool) -> None:
        if low is self._low:
            return
        self._low = low
        figures = {"free_bytes": self.free_bytes(), "floor_bytes": self._floor, "directory": str(self._directory)}
        if low:
            log.error("disk_low", **figures, to_do="Free space or quota there; until then nothing is received.")
        else:
            log.info("disk_well", **figures)
