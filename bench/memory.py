"""`python -m bench.memory`: whether the worker's memory grows with the jobs that it has done."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import psutil
import typer
from rich.console import Console

from bench import report
from bench.host import Host, worker
from bench.machine import Machine
from bench.process import cpu_seconds
from bench.report import Figure, Reach, Round
from bench.service import Service, embedded_cloud

JOB_SECONDS = 0.005
MEGABYTE = 1_000_000


def main(
    jobs: Annotated[int, typer.Option(min=2)] = 10_000,
    step: Annotated[int, typer.Option(min=1, help="Look after each so many; the first look is the base.")] = 1_000,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Have one worker score jobs of 5 ms; exit 1 where its memory does not stay within 5 % of that at the first look.

    Memory is what the worker's own process would give back by ending (its unique set size): shared libraries,
    measuring process and seats are not in it. It is looked at when exactly so many jobs are done and none waits.
    """
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)) as cloud:
        found = _measure(Path(name, "worker"), range(step, jobs + 1, step), cloud)
    title = f"Memory of the worker over {jobs:,} jobs of {JOB_SECONDS * 1000:.0f} ms"
    sys.exit(0 if report.show(title, [found], json) else 1)


def _measure(directory: Path, looks: range, cloud: psutil.Process) -> Round:
    service, machine, emulated = Service.fresh(), Machine(), cpu_seconds(cloud)
    found: dict[Figure, float] = {}
    with worker(service, directory, engine_seconds=JOB_SECONDS) as host:
        began, cpu = time.monotonic(), host.cpu()
        for jobs in looks:
            found |= _after(jobs, looks.step, service, host)
        seconds, used = time.monotonic() - began, host.cpu() - cpu
    first, *_, last = found.values()
    growth = Figure("growth since the first look, %", 1, Reach(-5, 5))
    return {
        **found,
        growth: (last / first - 1) * 100,
        Figure("jobs a second"): looks[-1] / seconds,
        Figure("CPU a job, ms: the worker itself"): used.worker / looks[-1] * 1000,
        Figure("CPU a job, ms: the emulator"): (cpu_seconds(cloud) - emulated) / looks[-1] * 1000,
        **machine.figures(),
    }


def _after(jobs: int, more: int, service: Service, host: Host) -> dict[Figure, float]:
    """Have so many more jobs done, and look."""
    service.put_backlog(more)
    host.wait_scored(jobs)
    service.wait_done()
    memory = host.process.memory_full_info().uss / MEGABYTE
    Console(stderr=True).print(f"[dim]{jobs:,} jobs done: {memory:.1f} MB[/]")
    return {Figure(f"after {jobs:,} jobs, MB"): memory}


if __name__ == "__main__":
    typer.run(main)
