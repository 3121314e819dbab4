"""What a licence of few seats costs: as many seats on more hosts, each of which claims for itself alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.simulation.goals import EVENLY, Question, need
from bench.simulation.jobs import stream, waits
from bench.simulation.pool import work_off
from bench.simulation.table import Cell, Table, duration, number
from bench.simulation.terms import Terms, at_once

SEATS = 16  # in all
A_LICENCE = (1, 2, 4, 8, 16)
LOADS = (0.6, 0.8, 0.9)
JOBS = 10_000
A_DAY = 200_000  # for which the fewest hosts are asked


@dataclass(frozen=True)
class Licence:
    """Of so many seats, for one host that claims so many jobs beside those that run."""

    terms: Terms
    seats: int
    prefetch: int

    def own(self) -> Terms:
        """The terms with hosts like that."""
        host = replace(self.terms.host, seats=self.seats, prefetch=self.prefetch)
        return replace(self.terms, host=host)


def row(licence: Licence) -> list[Cell]:
    """Of the table."""
    terms, hosts = licence.own(), SEATS // licence.seats
    found: list[Cell] = [licence.seats, licence.prefetch, hosts]
    for load in LOADS:
        seconds = JOBS * terms.lengths.mean / SEATS / load
        jobs = stream(terms.random(round(load * 100)), JOBS, seconds, terms.lengths, interactive=1)
        work_off(jobs, terms.host, hosts)
        found.append(float(np.percentile(waits(jobs), 95)))
    hosts = need(Question(terms, EVENLY, A_DAY)).hosts
    return [*found, hosts * licence.seats, hosts]


def table(terms: Terms) -> Table:
    """A row for each licence, with as much claimed beforehand as by default, and with little."""
    licences = [Licence(terms, seats, prefetch) for seats in A_LICENCE for prefetch in sorted({1, seats})]
    columns = {
        "seats a licence": number,
        "prefetch": number,
        "hosts": number,
        **{f"wait at {load * 100:.0f} %, p95": duration for load in LOADS},
        f"seats for {A_DAY:,} a day": number,
        "hosts for these": number,
    }
    return Table(f"{SEATS} seats by licences, jobs that come evenly", columns, at_once(row, licences))
