"""How much of the disk a directory takes, while files come and go in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOK_SECONDS = 1.0


@contextmanager
def peak(directory: Path) -> Iterator[list[int]]:
    """The most bytes that its files have, looked at each second; in a list of one."""
    most, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            most[0] = max(most[0], bytes_in(directory))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def bytes_in(directory: Path) -> int:
    """What its files have now."""
    found = 0
    for place, _, names in os.walk(directory):  # what goes meanwhile is passed over
        for name in names:
            with suppress(FileNotFoundError):
                found += Path(place, name).stat().st_size
    return found
