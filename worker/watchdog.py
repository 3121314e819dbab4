"""The watchdog: systemd hears that the worker lives for as long as every loop of it turns.

Where one hangs nothing more is told, and systemd ends the worker and starts it anew. It does so by SIGABRT, at which
Python prints what every thread was doing (faulthandler).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from shared import logs
from worker.notify import ALIVE, notify

LIMIT_SECONDS = 180.0  # the unit's WatchdogSec: thrice what a step and a call to AWS may take, for no false alarm
STEPS = 9  # within the limit: steps of 20 s
LOOKS = 4  # within the limit; sd_watchdog_enabled(3) asks for two

log = logs.get(__name__)


class Watchdog:
    """Loops tell it that they turn, each by its name; a thread of its own tells systemd, or logs which one is stuck."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """A loop that did not turn for `limit_seconds` is stuck; it waits `step_seconds` at most before it turns."""
        self.step_seconds = limit_seconds / STEPS
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._turned: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog")

    def start(self) -> None:
        """Begin to tell; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Tell no more: after every loop has ended, for a drain takes long."""
        self._stopping.set()
        self._thread.join()

    def turn(self, loop: str) -> None:
        """A loop turns. From its first turn on it is watched."""
        with self._lock:
            self._turned[loop] = self._clock()

    def ended(self, loop: str) -> None:
        """A loop has ended as it should, and is watched no more. One that died of an error never says so."""
        with self._lock:
            self._turned.pop(loop, None)

    def stuck(self) -> dict[str, float]:
        """The loops that are stuck, each with the seconds since it turned."""
        with self._lock:
            since = {loop: self._clock() - turned for loop, turned in self._turned.items()}
        return {loop: seconds for loop, seconds in since.items() if seconds >= self._limit_seconds}

    def _run(self) -> None:
        while not self._stopping.wait(self._limit_seconds / LOOKS):
            stuck = self.stuck()
            for loop, seconds in stuck.items():
                log.error("loop_stuck", loop=loop, seconds=round(seconds))
            if not stuck:
                notify(ALIVE)
