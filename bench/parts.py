"""The parts of a sandbox that this process runs, and itself as their client: what each uses of the machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil

from bench.looking import each_second
from bench.process import cpu_seconds

# By what a command line holds; a worker's children come before it.
_WORDS = {
    "seats": "worker.seat_child",
    "measuring": "spawn_main",
    "worker": "-m worker",
    "API": "sandbox.functions",
    "emulator": "sandbox.cloud",
}
NAMES = (*_WORDS, "clients")


def cpu() -> Mapping[str, float]:
    """What each part that is there has used of a core so far, in seconds."""
    used: dict[str, float] = defaultdict(float)
    for part, process in _processes():
        with suppress(psutil.NoSuchProcess):
            used[part] += cpu_seconds(process)
    return used


@contextmanager
def peak_memory() -> Iterator[Mapping[str, int]]:
    """The most memory that each part had resident, in bytes, looked at each second."""
    most: dict[str, int] = defaultdict(int)

    def look() -> None:
        for part, now in _memory().items():
            most[part] = max(most[part], now)

    with each_second(look):
        yield most


def _memory() -> Mapping[str, int]:
    found: dict[str, int] = defaultdict(int)
    for part, process in _processes():
        with suppress(psutil.NoSuchProcess):
            found[part] += process.memory_info().rss
    return found


def _processes() -> Iterator[tuple[str, psutil.Process]]:
    yield "clients", psutil.Process()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            command = " ".join(child.cmdline())
            for part, words in _WORDS.items():
                if words in command:
                    yield part, child
                    break
