"""Looking at something again and again while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def each_second(look: Callable[[], None]) -> Iterator[None]:
    """Have `look` called each second, on a thread of its own."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(1):
            look()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
