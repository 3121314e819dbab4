"""The answers, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps

from bench.drawing import (
    BLUE,
    COUNTS,
    DURATIONS,
    GREEN,
    GREY,
    ORANGE,
    RED,
    duration_ticks,
    name_lines,
    plot,
)
from bench.simulation import goals, loss
from bench.simulation.burst import JOBS, Burst, by_minute, waiting_jobs
from bench.simulation.goals import BURST, EVENLY, MIXED, WAIT_SECONDS, Need, Question
from bench.simulation.jobs import Floats
from bench.simulation.load import Found, Point
from bench.simulation.loss import HOURS, LOST, SLICE, Loss
from shared.pools import Lane

HOUR = 3600.0
COLOURS = {BURST: RED, MIXED: ORANGE, EVENLY: BLUE}
LANES = {Lane.BULK: ORANGE, Lane.INTERACTIVE: BLUE}


def draw_goals(file: Path, found: Mapping[Question, Need]) -> None:
    """Seats by a day's jobs, a line for each goal."""
    terms = next(iter(found)).terms
    with plot(file) as [axes]:
        for goal, colour in COLOURS.items():
            seats = [found[Question(terms, goal, jobs)].hosts * terms.host.seats for jobs in goals.DAYS]
            axes.loglog(goals.DAYS, seats, color=colour, marker="o", markersize=4, label=goal.name.replace(", ", ",\n"))
        busy = np.array(goals.DAYS) * terms.lengths.mean / 24 / HOUR
        axes.loglog(goals.DAYS, busy, color=GREY, linestyle=":", linewidth=1.5, label="busy, on average")
        axes.set(title=f"Seats by a day's jobs of {terms.lengths.mean:g} s", xlabel="jobs a day", ylabel="seats")
        axes.set_xticks([2_000, 20_000, 200_000, 2_000_000])
        axes.xaxis.set_major_formatter(COUNTS)
        axes.yaxis.set_major_formatter(COUNTS)
        name_lines(axes)


def draw_load(file: Path, found: Mapping[Point, Found]) -> None:
    """The wait that 95 % have at most, by load, a line for each number of seats."""
    hosts = sorted({point.hosts for point in found})
    colours = colormaps["viridis"](np.linspace(0.85, 0.1, len(hosts)))
    with plot(file) as [axes]:
        for count, colour in zip(hosts, colours, strict=True):
            own = {point.load: at.p95 for point, at in found.items() if point.hosts == count}
            seats = count * next(iter(found)).terms.host.seats
            axes.semilogy([*own], [*own.values()], color=colour, marker="o", markersize=4, label=f"{seats} seats")
        axes.axhline(WAIT_SECONDS, color=GREY, linestyle=":", linewidth=1.5)
        axes.set(title="What 95 % of jobs wait at most, by load and seats", xlabel="load", ylabel="wait")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value * 100:.0f} %")
        duration_ticks(axes)
        name_lines(axes)


def draw_burst(file: Path, burst: Burst) -> None:
    """How many jobs wait until all are done, and how long those of each lane wait that come in the hour."""
    jobs = burst.jobs()
    times = np.linspace(0, max(job.ended for job in jobs), 200)
    with plot(file, rows=2, height=6) as [counts, waits]:
        waiting = waiting_jobs(jobs, times)
        counts.fill_between(times / HOUR, waiting, color=GREY, alpha=0.2, linewidth=0)
        counts.plot(times / HOUR, waiting, color=GREY)
        title = f"{JOBS:,} jobs in an hour, {burst.interactive * 100:.0f} % interactive, on "
        counts.set(
            title=title + f"{burst.hosts * burst.terms.host.seats} seats", ylabel="jobs that wait", xlabel="hours"
        )
        counts.yaxis.set_major_formatter(COUNTS)
        counts.margins(x=0.01)
        for lane, colour in LANES.items():
            minutes, p95 = by_minute(jobs, lane)
            waits.semilogy(minutes, p95, color=colour, label=lane.value)
        waits.set(xlabel="minute in which a job comes", ylabel="its wait, p95")
        duration_ticks(waits)
        name_lines(waits)


def draw_loss(file: Path, losses: Sequence[Loss]) -> None:
    """What 95 % waited at most, by when they came, a line for each number of hosts."""
    with plot(file) as [axes]:
        axes.axvspan(*(at / HOUR for at in LOST), color=RED, alpha=0.08, linewidth=0)
        for case, colour in zip(losses, (RED, ORANGE, BLUE, GREEN), strict=False):
            times, p95 = loss.slices(case.days())
            axes.semilogy((times + SLICE / 2) / HOUR, p95, color=colour, label=f"{case.hosts} hosts")
        axes.axhline(WAIT_SECONDS, color=GREY, linestyle=":", linewidth=1.5)
        title = f"{losses[0].jobs_a_day:,} jobs a day, and a host lost for an hour"
        axes.set(title=title, xlabel="hours", ylabel="wait, p95", xlim=(0, HOURS))
        duration_ticks(axes)
        name_lines(axes)


def draw_validation(file: Path, pairs: Mapping[float, tuple[Floats, Floats]]) -> None:
    """What share of the jobs waited for longer than so long, by load: at the real worker, and simulated."""
    with plot(file) as [axes]:
        for (load_share, (real, simulated)), colour in zip(pairs.items(), (BLUE, RED), strict=False):
            for waited, style, name in ((real, "-", f"load {load_share * 100:.0f} %"), (simulated, ":", None)):
                axes.plot(np.sort(waited), np.linspace(1, 0, len(waited)), style, color=colour, label=name)
        title = "Waits at the real worker (lines) and in the simulation (dots)"
        axes.set(title=title, xlabel="wait", ylabel="share of jobs that wait for longer")
        axes.xaxis.set_major_formatter(DURATIONS)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:.0f} %")
        name_lines(axes)
