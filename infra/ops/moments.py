"""Moments as an operator writes and reads them. All are in UTC, and seconds since the epoch inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SPANS = {"m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
_AGO = re.compile(r"([0-9]{1,6})([mhd])")


def moment(text: str, now: float) -> float:
    """A moment that has passed, written as `90m`, `6h` or `3d` ago, or as RFC 3339: `2026-11-22T08:00Z`, `2026-11-22`.

    Raises ValueError.
    """
    ago = _AGO.fullmatch(text)
    at = now - int(ago[1]) * _SPANS[ago[2]] if ago else _written(text)
    if at > now:
        raise ValueError(f"{text} lies ahead.")
    return at


def _written(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no moment. Write 90m, 6h or 3d for so long ago, or 2026-11-22T08:00Z.") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def shown(at: float) -> str:
    """To the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def ago(at: float, now: float) -> str:
    """How long ago it was, in the largest unit that it fills."""
    seconds = max(0, int(now - at))
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if count := seconds // size:
            return f"{count} {name}{'s' * (count > 1)} ago"
    return f"{seconds} s ago"
