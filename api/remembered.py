"""What was read a moment ago and may be a little old: kept in this process, which Lambda keeps for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

Memory = dict[str, tuple[T, float]]  # each value by its name, and until when it is good by the monotonic clock


def remembered(memory: Memory[T], name: str, seconds: float, read: Callable[[], T]) -> T:
    """What is remembered by that name, or what `read` gives, for so many seconds. What it raises is not remembered."""
    known = memory.get(name)
    if known and known[1] > time.monotonic():
        return known[0]
    value = read()
    memory[name] = (value, time.monotonic() + seconds)
    return value
