"""`python -m bench.idle`: what a worker costs that has nothing to do."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from bench import calls, report
from bench.calls import Call
from bench.host import Host, worker
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from bench.service import POOL, Service, embedded_cloud
from shared.pools import Lane
from shared.resources import lane_queue

SETTLE_SECONDS = 5.0  # after it is ready, so that no start-up is counted


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 2,
    seconds: Annotated[float, typer.Option(min=20, help="A round; at best a whole number of polls of 20 s.")] = 60,
    json: Annotated[Path | None, typer.Option(help="Write every round's figures there too.")] = None,
) -> None:
    """Let a worker wait for jobs; exit 1 where it asks a lane over 10 times a minute or takes over 1 % of a core."""
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)):
        service = Service.fresh()
        with worker(service, Path(name, "worker"), engine_seconds=0, note_calls=True) as host:
            time.sleep(SETTLE_SECONDS)
            found = [_round(service, host, seconds) for _ in range(rounds)]
    sys.exit(0 if report.show(f"An idle worker, {seconds:.0f} s a round", found, json) else 1)


def _round(service: Service, host: Host, seconds: float) -> Round:
    machine, began, cpu, wakes = Machine(), time.monotonic(), host.cpu(), host.wakes()
    time.sleep(seconds)
    lasted, used, woken = time.monotonic() - began, host.cpu() - cpu, host.wakes() - wakes
    called = [call for call in calls.read(host.calls_file) if began <= call.at < began + lasted]
    return {
        **{figure: count * 60 / lasted for figure, count in _counts(service, called).items()},
        Figure("share of a core, %", 2, Reach(most=1)): (used.worker + used.measuring + used.seats) / lasted * 100,
        Figure("share of a core, %: the worker itself", 2): used.worker / lasted * 100,
        Figure("times a second that it wakes"): woken / lasted,
        **machine.figures(),
    }


def _counts(service: Service, called: Sequence[Call]) -> dict[Figure, int]:
    """How many of what."""
    by_queue, by_service = Counter(call.queue for call in called), Counter(call.service for call in called)
    return {
        **{
            Figure(f"SQS calls a minute: {lane} lane", 1, Reach(most=10)): by_queue[
                service.queue_urls[lane_queue(POOL.name, lane)]
            ]
            for lane in Lane
        },
        Figure("SQS calls a minute, in all"): by_service["sqs"],
        Figure("DynamoDB calls a minute"): by_service["dynamodb"],
        Figure("S3 calls a minute"): by_service["s3"],
    }


if __name__ == "__main__":
    typer.run(main)
