"""How long jobs wait, by how much there is to do and by how many seats share it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.simulation.jobs import seat_use, stream, waits
from bench.simulation.pool import work_off
from bench.simulation.table import Table, duration, number, share
from bench.simulation.terms import Terms, at_once

LOADS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)  # of the seats' time
HOSTS = (1, 2, 4, 8, 16, 32)
SHOWN = (0.5, 0.7, 0.8, 0.9, 0.95)  # in the table
JOBS = 20_000  # at each load


@dataclass(frozen=True)
class Point:
    """So many hosts, with so much to do."""

    terms: Terms
    hosts: int
    load: float


@dataclass(frozen=True)
class Found:
    """Waits in seconds; seat use from 0 to 1."""

    p50: float
    p95: float
    most: float
    seat_use: float


def look(point: Point) -> Found:
    """Jobs that come evenly, all interactive."""
    terms, seats = point.terms, point.hosts * point.terms.host.seats
    seconds = JOBS * terms.lengths.mean / seats / point.load
    jobs = stream(terms.random(seats, round(point.load * 100)), JOBS, seconds, terms.lengths, interactive=1)
    work_off(jobs, terms.host, point.hosts)
    p50, p95, most = np.percentile(waits(jobs), [50, 95, 100])
    return Found(float(p50), float(p95), float(most), seat_use(jobs, seats))


def ask(terms: Terms) -> dict[Point, Found]:
    """Every load, on every number of hosts."""
    points = [Point(terms, hosts, load) for hosts in HOSTS for load in LOADS]
    return dict(zip(points, at_once(look, points), strict=True))


def table(found: dict[Point, Found]) -> Table:
    """A row for each number of seats and load."""
    rows = [
        [point.hosts * point.terms.host.seats, point.load, at.p50, at.p95, at.most, at.seat_use]
        for point, at in found.items()
        if point.load in SHOWN
    ]
    columns = {
        "seats": number,
        "load": share,
        "wait, p50": duration,
        "p95": duration,
        "most": duration,
        "seat use": share,
    }
    return Table("Waits by load and seats, jobs that come evenly", columns, rows)
