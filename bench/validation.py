"""`python -m bench.validation`: do jobs wait in the simulated service as they do at the real worker?"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer

from bench import lengths, report, runs
from bench.feed import feed, wait_ran
from bench.host import Host, worker
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from bench.runs import Run
from bench.service import Service, embedded_cloud
from bench.simulation import worker as simulated
from bench.simulation.jobs import Job, Lengths, seat_use, stream, waits
from bench.simulation.plots import draw_validation
from bench.simulation.pool import work_off
from shared import job as shared_job
from shared.pools import Lane

SEATS = 2
PREFETCH = 2
LOADS = (0.6, 0.85)  # of the seats' time
LENGTHS = Lengths(mean=1.5, spread=1.0)
INTERACTIVE = 0.3  # of the jobs
ALONE = [Job(number * 0.5, Lane.INTERACTIVE, 0.2) for number in range(20)]  # each finds the worker idle
BACKLOG = [Job(0, Lane.BULK, 0.6) for _ in range(30)]
ALIKE = Reach(0.9, 1.1)
Pair = tuple[list[Job], list[Job]]
MEASURES: list[tuple[str, Callable[[Sequence[Job]], float], Reach | None]] = [
    ("wait, mean, s,", lambda jobs: float(waits(jobs).mean()), ALIKE),
    ("wait, p95, s,", lambda jobs: float(np.percentile(waits(jobs), 95)), ALIKE),
    ("seat use", lambda jobs: seat_use(jobs, SEATS), ALIKE),
    ("interactive wait, mean, s,", lambda jobs: float(waits(jobs, Lane.INTERACTIVE).mean()), None),
    ("bulk wait, mean, s,", lambda jobs: float(waits(jobs, Lane.BULK).mean()), None),
]


def main(
    seconds: Annotated[float, typer.Option(min=10, help="For which jobs come, at each load.")] = 180,
    seed: Annotated[int, typer.Option(help="Of arrivals, lanes and lengths.")] = 863,
    plot: Annotated[Path | None, typer.Option(help="Draw the waits: a file whose name ends in .svg.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Send random jobs to the real worker, and the same ones, at the same times, to the simulated one.

    Exit 1 where the mean or the 95th percentile of the waits, or the use of the seats, is not alike within 10 %. What
    the simulation is told of the worker is two times, learnt beforehand, of other jobs: from a message to its job being
    ready, on an idle worker; and between two runs on a seat, over a backlog.
    """
    title = f"The real worker and the simulated: {SEATS} seats, {LENGTHS.mean:g} s a job on average, seed {seed}"
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)):
        found, pairs = _compare(Path(name), _draw(seed, seconds))
    if plot:
        draw_validation(plot, {load: (waits(real), waits(again)) for load, (real, again) in pairs.items()})
    sys.exit(0 if report.show(title, [found], json) else 1)


@dataclass(frozen=True)
class Part:
    """Jobs as they were drawn, and the real ones that stand for them."""

    drawn: Sequence[Job]
    real: Sequence[shared_job.Job]

    def went(self, sent: Mapping[str, float], ran: Mapping[str, Run]) -> list[Job]:
        """The same jobs as they came and as long as they took, from the first one's message on."""
        first = min(sent.values())
        runs_of = [(drawn.lane, sent[job.id], ran[job.id]) for drawn, job in zip(self.drawn, self.real, strict=True)]
        return [
            Job(at - first, lane, run.end - run.begin, run.begin - first, run.end - first) for lane, at, run in runs_of
        ]


def _draw(seed: int, seconds: float) -> dict[float, list[Job]]:
    """By load."""
    rng = np.random.default_rng(seed)
    return {
        load: stream(rng, round(load * SEATS * seconds / LENGTHS.mean), seconds, LENGTHS, INTERACTIVE) for load in LOADS
    }


def _compare(directory: Path, drawn: Mapping[float, Sequence[Job]]) -> tuple[Round, dict[float, Pair]]:
    """What was found, and by load how the jobs went: at the real worker, and simulated."""
    service, machine = Service.fresh(), Machine()
    alone, backlog, *loaded = (
        Part(jobs, service.put_jobs([job.lane for job in jobs])) for jobs in (ALONE, BACKLOG, *drawn.values())
    )
    _tell_lengths(directory / "lengths.json", [alone, backlog, *loaded])
    settings = {"engine": lengths.NAME, "seats": SEATS, "prefetch": PREFETCH}
    with worker(service, directory / "worker", engine_seconds=0, note_calls=False, **settings) as host:
        model = _learn(service, host, alone, backlog)
        pairs = {load: _pair(service, host, part, model) for load, part in zip(drawn, loaded, strict=True)}
    found: Round = {
        Figure("learnt: from a message to its job being ready, ms", 0): model.lead_seconds * 1000,
        Figure("learnt: between two runs, ms", 1): model.gap_seconds * 1000,
    }
    for load, pair in pairs.items():
        found = {**found, **_figures(load, *pair)}
    return {**found, **machine.figures()}, pairs


def _tell_lengths(path: Path, parts: Sequence[Part]) -> None:
    told = {job.id: drawn.seconds for part in parts for job, drawn in zip(part.real, part.drawn, strict=True)}
    lengths.tell(path, told)


def _learn(service: Service, host: Host, alone: Part, backlog: Part) -> simulated.Host:
    """The worker as the simulation knows it."""
    sent = feed(service, alone.real, [job.at for job in alone.drawn])
    lead = statistics.median(waits(alone.went(sent, wait_ran(host, sent))))
    service.send(backlog.real)
    gaps = runs.gaps(list(wait_ran(host, dict.fromkeys((job.id for job in backlog.real), 0.0)).values()))
    return simulated.Host(SEATS, PREFETCH, lead, statistics.mean(gaps))


def _pair(service: Service, host: Host, part: Part, model: simulated.Host) -> Pair:
    sent = feed(service, part.real, [job.at for job in part.drawn])
    real = part.went(sent, wait_ran(host, sent))
    again = [Job(job.at, job.lane, job.seconds) for job in real]
    work_off(again, model, hosts=1)
    return real, again


def _figures(load: float, real: Sequence[Job], again: Sequence[Job]) -> Round:
    at = f"at {load * 100:.0f} % load"
    found: dict[Figure, float] = {Figure(f"jobs {at}", 0): len(real)}
    for name, of, reach in MEASURES:
        found |= {
            Figure(f"{name} {at}: real", 3): of(real),
            Figure(f"{name} {at}: simulated", 3): of(again),
            Figure(f"{name} {at}: simulated / real", 3, reach): of(again) / of(real),
        }
    return found


if __name__ == "__main__":
    typer.run(main)
