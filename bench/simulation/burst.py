"""What a burst does: a day's jobs within one hour, in both lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.simulation.jobs import Floats, Job, seat_use, stream, waits
from bench.simulation.pool import work_off
from bench.simulation.table import Cell, Table, duration, number, share
from bench.simulation.terms import Terms, at_once
from shared.pools import Lane

HOUR = 3600.0
JOBS = 20_000
SHARES = (0.1, 0.5, 0.9)  # of interactive jobs


@dataclass(frozen=True)
class Burst:
    """A day's jobs, such a share of them interactive, come to so many hosts within an hour."""

    terms: Terms
    hosts: int
    interactive: float

    def jobs(self) -> list[Job]:
        """How it went."""
        jobs = stream(self.terms.random(JOBS), JOBS, HOUR, self.terms.lengths, self.interactive)
        work_off(jobs, self.terms.host, self.hosts)
        return jobs


def row(burst: Burst) -> list[Cell]:
    """Of the table."""
    jobs, seats = burst.jobs(), burst.hosts * burst.terms.host.seats
    found: list[Cell] = [burst.interactive, seats]
    for lane in Lane:
        found += np.percentile(waits(jobs, lane), [50, 95]).tolist()
    return [*found, max(job.ended for job in jobs), seat_use(jobs, seats)]


def table(terms: Terms, hosts: Sequence[int]) -> Table:
    """A row for each number of hosts, and share of interactive jobs."""
    bursts = [Burst(terms, count, interactive) for count in hosts for interactive in SHARES]
    columns = {
        "interactive": share,
        "seats": number,
        "its wait, p50": duration,
        "its p95": duration,
        "bulk, p50": duration,
        "bulk, p95": duration,
        "all done after": duration,
        "seat use": share,
    }
    return Table(f"A burst: {JOBS:,} jobs in one hour", columns, at_once(row, bursts))


def waiting_jobs(jobs: Sequence[Job], times: Floats) -> Floats:
    """How many jobs wait at each of these times."""
    came, begun = np.sort([job.at for job in jobs]), np.sort([job.begun for job in jobs])
    return (np.searchsorted(came, times) - np.searchsorted(begun, times)).astype(np.float64)


def by_minute(jobs: Sequence[Job], lane: Lane) -> tuple[Floats, Floats]:
    """The minutes in which jobs of a lane come, and what 95 % of those waited at most, in seconds."""
    came = np.array([job.at // 60 for job in jobs if job.lane is lane])
    waited = waits(jobs, lane)
    minutes = np.unique(came)
    return minutes, np.array([np.percentile(waited[came == minute], 95) for minute in minutes])
