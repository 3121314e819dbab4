"""What becomes of the waits when a host is lost for an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.simulation.jobs import Floats, Job, stream
from bench.simulation.pool import Outage, work_off
from bench.simulation.table import Cell, Table, duration, number
from bench.simulation.terms import Terms, at_once

HOUR = 3600.0
LOST = (1 * HOUR, 2 * HOUR)
HOURS = 6  # that are simulated
DAYS = 12  # alike but for chance, so that a figure says more than of one day
SLICE = 300.0  # seconds of arrivals that are looked at together
LONG_SECONDS = 60.0


@dataclass(frozen=True)
class Loss:
    """So many jobs a day, evenly and all interactive, come to so many hosts, of which one is lost."""

    terms: Terms
    jobs_a_day: int
    hosts: int

    def days(self) -> list[Job]:
        """The jobs of several days."""
        return [job for day in range(DAYS) for job in self._day(day)]

    def _day(self, day: int) -> list[Job]:
        count = round(self.jobs_a_day * HOURS / 24)
        rng = self.terms.random(self.jobs_a_day, day)
        jobs = stream(rng, count, HOURS * HOUR, self.terms.lengths, interactive=1)
        work_off(jobs, self.terms.host, self.hosts, [Outage(0, LOST[0], LOST[1] - LOST[0])])
        return jobs


def slices(jobs: Sequence[Job]) -> tuple[Floats, Floats]:
    """When each slice begins, and what 95 % of those who came in it waited at most; in seconds."""
    times = np.arange(0, HOURS * HOUR, SLICE)
    of = np.digitize([job.at for job in jobs], times) - 1
    waited = np.array([job.begun - job.at for job in jobs])
    return times, np.array([np.percentile(waited[of == number], 95) for number in range(len(times))])


def row(loss: Loss) -> list[Cell]:
    """Of the table."""
    jobs = loss.days()
    before, after = ([job.begun - job.at for job in jobs if test(job.at)] for test in (_before, _meanwhile))
    times, p95 = slices(jobs)
    late = times[(p95 > LONG_SECONDS) & (times >= LOST[0])]
    return [
        loss.jobs_a_day,
        loss.hosts * loss.terms.host.seats,
        loss.hosts,
        float(np.percentile(before, 95)),
        float(np.percentile(after, 95)),
        max(after),
        float(late[-1] + SLICE - LOST[0]) if late.size else 0.0,
    ]


def table(losses: Sequence[Loss]) -> Table:
    """A row for each."""
    columns = {
        "jobs a day": number,
        "seats": number,
        "hosts": number,
        "wait before, p95": duration,
        "wait in that hour, p95": duration,
        "most": duration,
        "p95 over 60 s for": duration,
    }
    return Table("A host is lost for an hour, jobs that come evenly", columns, at_once(row, losses))


def _before(at: float) -> bool:
    return at < LOST[0]


def _meanwhile(at: float) -> bool:
    return LOST[0] <= at < LOST[1]
