"""The time: the machine's, corrected by the `Date` of AWS's answers (RFC 9110, clause 6.6.1)."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from shared import logs

OFF_SECONDS = 30.0  # claims of other hosts are judged by the clock, with as much grace: see shared.claims
HEARD = 5  # answers whose median counts: two of them may be odd
SLOW_SECONDS = 5.0  # an answer that took longer tells too little: it may have waited for us to read it
# What an honest answer may be wrong by: half of the time it took, and half of the second that a Date is cut down to.
# A clock that is right to within this is better than the Dates are.
TRUSTED_SECONDS = (SLOW_SECONDS + 1) / 2

SENT_AT = "mosaic_sent_at"
TO_DO = "Set the machine's clock and keep it set (chronyd). Nothing is received until then; no restart is needed."

log = logs.get(__name__)


def steady() -> float:
    """Seconds that nobody sets, since some moment. On Linux they go on while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Call it for the seconds since the epoch. Before the first answer they are the machine's.

    Answers are held against a steady clock, so that one who sets the machine's neither moves this time nor has to wait
    for answers until `off` says that all is well.
    """

    def __init__(self, machine: Callable[[], float] = time.time, steady: Callable[[], float] = steady) -> None:
        self._machine = machine
        self._steady = steady
        self._heard: deque[float] = deque(maxlen=HEARD)  # AWS's time less the steady clock's, by each answer
        self._difference: float | None = None
        self._told_off = False
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """The time by AWS, where the machine's differs from it by more than answers can be wrong."""
        now, offset = self._machine(), self.offset()
        return now if abs(offset) <= TRUSTED_SECONDS else now + offset

    def offset(self) -> float:
        """By how many seconds the machine's clock is behind AWS's; below 0 it is ahead."""
        difference = self._difference
        return 0.0 if difference is None else self._steady() + difference - self._machine()

    def off(self) -> bool:
        """Whether the machine's clock is off by more than `OFF_SECONDS`. A change is logged."""
        offset = self.offset()
        off = abs(offset) > OFF_SECONDS
        with self._lock:
            changed, self._told_off = off != self._told_off, off
        if changed and off:
            log.error("clock_off", seconds=round(abs(offset)), machine="behind" if offset > 0 else "ahead", to_do=TO_DO)
        elif changed:
            log.info("clock_well")
        return off

    def sent(self, context: MutableMapping[str, object], **_: object) -> None:
        """A handler of botocore's `before-call`: the call goes out."""
        context[SENT_AT] = self._steady()

    def hear(self, response_dict: Mapping[str, object] | None, context: Mapping[str, object], **_: object) -> None:
        """A handler of botocore's `response-received`: what time it was when AWS answered, be it with an error."""
        received, sent = self._steady(), context.get(SENT_AT)
        date = _date(response_dict)
        if date is None or not isinstance(sent, float) or received - sent > SLOW_SECONDS:
            return
        with self._lock:
            self._heard.append(date - (sent + received) / 2)
            self._difference = statistics.median(self._heard)


def _date(response: Mapping[str, object] | None) -> float | None:
    """The middle of the second that an answer names; None where there is no answer, or no Date that can be read."""
    headers = response.get("headers") if response else None
    if not isinstance(headers, Mapping):
        return None
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() + 0.5
    except (TypeError, ValueError, OverflowError):
        return None
