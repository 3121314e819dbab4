"""Where a job stands, in words that do not go stale."""

from __future__ import annotations

import time
from collections.abc import Callable

from mosaic.models import Job, State


class Standing:
    """Tells of one job, heard of again and again. `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._state: State | None = None
        self._due: float | None = None

    def words(self, job: Job, *, uploaded: bool) -> str:
        """The job as it is now; `uploaded` is whether its files are with the service."""
        if job.state is State.AWAITING_UPLOAD:
            return "uploaded, being taken in" if uploaded else "uploading"
        if job.state is not self._state:
            # Later estimates of a running job never reach zero, so it is the first that counts.
            self._state, self._due = job.state, None if job.eta_seconds is None else self._now() + job.eta_seconds
        if job.state is State.RUNNING and self._due is not None and self._now() > self._due:
            return "running, longer than usual"
        return str(job.state) if job.eta_seconds is None else f"{job.state}, about {seconds(job.eta_seconds)} to go"


def seconds(value: float) -> str:
    """A duration for people: `41 ms`, `3.5 s`, `12 s`, `3 min 20 s`."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
