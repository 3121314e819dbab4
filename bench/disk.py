"""How much of the disk a directory takes, while files come and go in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.looking import each_second


@contextmanager
def peak(directory: Path) -> Iterator[list[int]]:
    """The most bytes that its files have, looked at each second; in a list of one."""
    most = [0]

    def look() -> None:
        most[0] = max(most[0], bytes_in(directory))

    with each_second(look):
        yield most


def bytes_in(directory: Path) -> int:
    """What its files have now."""
    found = 0
    for place, _, names in os.walk(directory):  # what goes meanwhile is passed over
        for name in names:
            with suppress(FileNotFoundError):
                found += Path(place, name).stat().st_size
    return found
