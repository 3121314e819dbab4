"""`python -m bench.seat_use`: how much of their time the seats score, over a backlog of short jobs."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import psutil
import typer

from bench import calls, report, runs
from bench.host import Cpu, worker
from bench.machine import Machine
from bench.process import cpu_seconds
from bench.report import Figure, Reach, Round
from bench.runs import Run
from bench.service import Service, embedded_cloud
from shared.job import Job
from shared.states import State

SEATS = 2
PREFETCH = 2
JOB_SECONDS = 0.1
COUNTED = 100  # jobs whose calls are counted


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    jobs: Annotated[int, typer.Option(min=SEATS, help="In each round.")] = 300,
    json: Annotated[Path | None, typer.Option(help="Write every round's figures there too.")] = None,
) -> None:
    """Score backlogs of 100 ms jobs on 2 seats; exit 1 where a number to reach is not reached."""
    title = f"Seat use: {jobs} jobs of {JOB_SECONDS * 1000:.0f} ms on {SEATS} seats, prefetch {PREFETCH}"
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)) as cloud:
        called = _called(Path(name, "called"))
        found = [_round(Path(name, str(number)), jobs, cloud, called) for number in range(rounds)]
    sys.exit(0 if report.show(title, found, json) else 1)


def _called(directory: Path) -> Round:
    """By a run of its own, for to note each call takes CPU, and lets go of the interpreter where others wait for it."""
    service = Service.fresh()
    service.put_backlog(COUNTED)
    with worker(
        service, directory, engine_seconds=JOB_SECONDS, note_calls=True, seats=SEATS, prefetch=PREFETCH
    ) as host:
        service.wait_done()
    _check(service.jobs(), runs.read(host.runs_file))
    called = Counter(call.service for call in calls.read(host.calls_file))
    return {
        Figure(f"calls a job, of {COUNTED}: {name}", 2): called[service] / COUNTED
        for name, service in (("SQS", "sqs"), ("DynamoDB", "dynamodb"), ("S3", "s3"))
    }


def _round(directory: Path, count: int, cloud: psutil.Process, called: Round) -> Round:
    """The backlog is there before the worker starts, in a service of its own."""
    service = Service.fresh()
    service.put_backlog(count)
    with worker(service, directory, engine_seconds=JOB_SECONDS, seats=SEATS, prefetch=PREFETCH) as host:
        machine, cpu, emulated = Machine(), host.cpu(), cpu_seconds(cloud)
        host.wait_scored(count)
        service.wait_done()
        cpu, emulated = host.cpu() - cpu, cpu_seconds(cloud) - emulated
        busy = machine.figures()
    ran, jobs = runs.read(host.runs_file), service.jobs()
    _check(jobs, ran)
    return {**_scheduling(ran, jobs), **_cost(cpu, emulated, count), **called, **busy}


def _check(jobs: Sequence[Job], ran: Sequence[Run]) -> None:
    """Raises RuntimeError unless every job succeeded and ran once: nothing else can be compared."""
    done = {job.id for job in jobs if job.state is State.SUCCEEDED}
    if len(ran) != len(jobs) or {run.job for run in ran} != done:
        raise RuntimeError(f"of {len(jobs)} jobs {len(done)} succeeded, in {len(ran)} runs")


def _scheduling(ran: Sequence[Run], jobs: Sequence[Job]) -> Round:
    wall = time.time() - time.monotonic()  # the table has the time of day, the engines have not
    claims = {job.id: job.times[State.RUNNING] - wall for job in jobs}
    moments, begun = runs.moments(claims, ran), runs.all_begun(ran)
    middle, high = np.percentile(runs.gaps(ran), [50, 95]) * 1000
    return {
        Figure("seat use", 3, Reach(least=0.97)): runs.seat_use(ran, SEATS),
        Figure("gap on a seat, p50, ms", 1, Reach(most=5)): middle,
        Figure("gap on a seat, p95, ms", 1, Reach(most=20)): high,
        Figure("claimed, not begun: most with no seat idle", 0, Reach(most=PREFETCH, judge=max)): max(
            (moment.waiting for moment in moments if moment.scoring == SEATS), default=0
        ),
        Figure("claimed, not begun: most once all have begun", 0): max(
            moment.waiting for moment in moments if moment.at >= begun
        ),
        Figure("claimed, not begun: most at any time", 0): max(moment.waiting for moment in moments),
    }


def _cost(cpu: Cpu, emulated: float, count: int) -> Round:
    return {
        Figure("CPU a job, ms: the worker itself", 1, Reach(most=15)): cpu.worker / count * 1000,
        Figure("CPU a job, ms: its measuring process", 1): cpu.measuring / count * 1000,
        Figure("CPU a job, ms: its seats", 1): cpu.seats / count * 1000,
        Figure("CPU a job, ms: the emulator", 1): emulated / count * 1000,
    }


if __name__ == "__main__":
    typer.run(main)
