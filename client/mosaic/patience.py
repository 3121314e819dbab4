"""When to ask again: as the service says, else with a growing random pause."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.wait import wait_random_exponential

from mosaic.errors import MosaicError

ATTEMPTS = 5
MIN_PAUSE_SECONDS = 0.1  # so that an answer of "0" never makes a busy loop
MAX_PAUSE_SECONDS = 60.0  # told to wait longer, one call gives up at once: its caller knows better what to do
_MAX_TOLD_SECONDS = 86_400.0

_backoff = wait_random_exponential(multiplier=0.5, max=8)

T = TypeVar("T")

# Gets each failure that is about to be followed by another attempt; uploads call it from their own threads.
OnRetry = Callable[[MosaicError], None]


class Clock(Protocol):
    """What tells and spends time, as the `time` module does; tests have one that never sleeps."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float, /) -> None:
        """Return after that many seconds."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a `Retry-After` header, which holds seconds or a date (RFC 9110, 10.2.3); None without one."""
    value = headers.get("retry-after", "").strip()
    seconds = _seconds(value)
    return None if seconds is None else min(max(seconds, MIN_PAUSE_SECONDS), _MAX_TOLD_SECONDS)


def _seconds(value: str) -> float | None:
    try:
        number = float(value)
        return number if math.isfinite(number) else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date with the zone "-0000" is read without one, and is UTC all the same.
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def is_transient(error: BaseException) -> bool:
    """Whether the same call may well succeed in a moment."""
    return isinstance(error, MosaicError) and error.transient


def pause(state: RetryCallState) -> float:
    """Seconds to wait before the next attempt: as the outcome's `retry_after` says, else by the backoff."""
    outcome = state.outcome
    if outcome is None:
        return 0.0
    told: float | None = getattr(outcome.exception() or outcome.result(), "retry_after", None)
    return _backoff(state) if told is None else told


@dataclass(frozen=True)
class Patience:
    """How calls are made again: by which clock, and who is told."""

    clock: Clock
    on_retry: OnRetry

    def persistently(self, call: Callable[[], T]) -> T:
        """The answer of `call`, which is made again where it failed in a way that may pass; at last its own error."""
        retrying = Retrying(
            retry=retry_if_exception(is_transient),
            wait=pause,
            stop=lambda state: state.attempt_number >= ATTEMPTS or state.upcoming_sleep > MAX_PAUSE_SECONDS,
            sleep=self.clock.sleep,
            before_sleep=self.tell,
            reraise=True,
        )
        return retrying(call)

    def tell(self, state: RetryCallState) -> None:
        """Pass a failure on."""
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, MosaicError):
            self.on_retry(failure)
