"""`python -m bench.two_tenants`: one tenant floods the bulk lane; how long does another one's interactive job wait?"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer

from bench import report, runs
from bench.feed import feed, wait_ran, waits
from bench.host import worker
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from bench.runs import Run
from bench.service import Service, embedded_cloud
from shared.pools import Lane

SEATS = 2
JOB_SECONDS = 0.1
EVERY_SECONDS = 1.0
SETTLE_SECONDS = 3.0  # until the flood has filled every place
FLOOD_JOBS = 3  # a place has to become free, then a seat; and the job is fetched between


def main(
    flood: Annotated[int, typer.Option(min=1, help="Bulk jobs of the one tenant.")] = 3_000,
    seconds: Annotated[
        int, typer.Option(min=10, help="Of one job a second of the other, idle and again flooded.")
    ] = 60,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Send one interactive job a second to an idle worker, then again while another tenant floods it with bulk.

    Exit 1 where the flood makes the 95th percentile of these waits longer by more than three of its own jobs take. What
    parts the tenants here is the lanes: no emulator models the fair queues of SQS.
    """
    title = f"Two tenants: {flood:,} bulk jobs of {JOB_SECONDS * 1000:.0f} ms on {SEATS} seats; one job a second"
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)):
        found = _measure(Path(name, "worker"), flood, seconds)
    sys.exit(0 if report.show(title, [found], json) else 1)


def _measure(directory: Path, flood: int, count: int) -> Round:
    service, machine = Service.fresh(), Machine()
    crowd = service.put_jobs([Lane.BULK] * flood, tenant="crowd")
    alone, amid = (service.put_jobs([Lane.INTERACTIVE] * count, tenant="single") for _ in range(2))
    times = [number * EVERY_SECONDS for number in range(count)]
    with worker(service, directory, engine_seconds=JOB_SECONDS, seats=SEATS) as host:
        sent = feed(service, alone, times)
        idle = waits(sent, wait_ran(host, sent))
        service.send(crowd)
        time.sleep(SETTLE_SECONDS)
        sent = feed(service, amid, times)
        ran = wait_ran(host, sent)
        meanwhile = _within(runs.read(host.runs_file), ran)
        busy = machine.figures()
    if len(meanwhile) < 2 * len(ran):
        raise RuntimeError("the flood was over too soon: give it more jobs")
    return {
        **_figures(idle, waits(sent, ran)),
        Figure("seat use amid the flood", 3): runs.seat_use(meanwhile, SEATS),
        **busy,
    }


def _within(every: Sequence[Run], ran: Mapping[str, Run]) -> list[Run]:
    """All runs that began while these went on."""
    first, last = min(run.begin for run in ran.values()), max(run.begin for run in ran.values())
    return [run for run in every if first <= run.begin <= last]


def _figures(idle: Sequence[float], flooded: Sequence[float]) -> Round:
    found: dict[Figure, float] = {}
    for name, percent, reach in (("median", 50, None), ("p95", 95, Reach(most=FLOOD_JOBS)), ("most", 100, None)):
        alone, amid = np.percentile(idle, percent), np.percentile(flooded, percent)
        found |= {
            Figure(f"wait of the one, {name}, ms: idle", 0): alone * 1000,
            Figure(f"wait of the one, {name}, ms: amid the flood", 0): amid * 1000,
            Figure(f"longer amid the flood, {name}, in jobs of it", 1, reach): (amid - alone) / JOB_SECONDS,
        }
    return found


if __name__ == "__main__":
    typer.run(main)
