"""Jobs as a queue sees them: when each one's message is there, in which lane, and how long a seat has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.pools import Lane

Floats = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Job:
    """One job; all in seconds, times from the beginning of what is simulated. `begun` is when its last run began."""

    at: float
    lane: Lane
    seconds: float
    begun: float = math.nan
    ended: float = math.nan


@dataclass(frozen=True)
class Lengths:
    """How long jobs have a seat: log-normal, as the lengths of calls are, by mean and coefficient of variation."""

    mean: float
    spread: float = 0.0

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """So many lengths, in seconds."""
        variance = math.log(1 + self.spread**2)  # of the logarithm
        return rng.lognormal(math.log(self.mean) - variance / 2, math.sqrt(variance), count)


def stream(rng: np.random.Generator, count: int, seconds: float, lengths: Lengths, interactive: float) -> list[Job]:
    """So many jobs within so many seconds, in order, the share `interactive` of them in that lane, at random.

    They come as a Poisson process does of which it is known how many it brings: each at any time alike, whenever the
    others come (S. Ross, Introduction to Probability Models, 5.3.5).
    """
    times = np.sort(rng.uniform(0, seconds, count))
    lanes = np.where(rng.random(count) < interactive, Lane.INTERACTIVE, Lane.BULK)
    drawn = lengths.draw(rng, count)
    return [Job(at, Lane(lane), length) for at, lane, length in zip(times.tolist(), lanes, drawn.tolist(), strict=True)]


def waits(jobs: Sequence[Job], lane: Lane | None = None) -> Floats:
    """How long each job waited, of one lane or of both: from its message to the begin of its last run, in seconds."""
    return np.array([job.begun - job.at for job in jobs if lane is None or job.lane is lane])


def seat_use(jobs: Sequence[Job], seats: int) -> float:
    """The share of the seats' time that was spent on runs that ended, from the first begin to the last end: 0 to 1."""
    lasted = max(job.ended for job in jobs) - min(job.begun for job in jobs)
    return sum(job.seconds for job in jobs) / (seats * lasted)
