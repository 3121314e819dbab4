"""Waiting for work to be done, for as long as it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_SECONDS = 0.5
STUCK_SECONDS = 60.0


def until_none(left: Callable[[], int], stuck_seconds: float = STUCK_SECONDS) -> None:
    """Until none is left. Raises TimeoutError where there are no fewer for so long."""
    fewest, since = left(), time.monotonic()
    while fewest:
        time.sleep(LOOK_SECONDS)
        if (now := left()) < fewest:
            fewest, since = now, time.monotonic()
        elif time.monotonic() - since > stuck_seconds:
            raise TimeoutError(f"{fewest} are left, and no fewer for {stuck_seconds:.0f} s")
