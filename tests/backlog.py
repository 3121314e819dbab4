"""`python -m tests.backlog`: many jobs wait for hours, by a clock that is moved; what is sent again, and how all end.

The whole of what `tests/integration/test_reconciler_promises.py` shows scaled down.
"""

from __future__ import annotations

import io
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import pytest
import typer
from rich.console import Console

import tests.conftest  # noqa: F401 - no real account is ever reached
from api import waiting
from bench import report
from bench.report import Figure, Reach, Round
from shared import logs
from shared.states import State
from tests import cloud, functions
from tests.functions import Functions
from tests.integration.test_reconciler_promises import MINUTE, SHARE, Worker, sent
from tests.unit.api.steps import calls

WORKERS = 4
RUN_SECONDS = 45  # of one run, before the next one comes

clock = time.perf_counter  # the tests move every other one


def main(
    jobs: Annotated[int, typer.Option(min=1_000, help="With fewer, ten messages a minute are more than 1 %.")] = 10_000,
    hours: Annotated[float, typer.Option(min=0.1)] = 3,
    mean_seconds: Annotated[
        float, typer.Option(min=0.001, help="Expected of a job, so that three times the lane's wait is over by then.")
    ] = 0.1,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Have jobs wait that long, the reconciler run each minute, and then workers come; exit 1 where a number is missed.

    Jobs waited in a lane that no host serves: nobody tells of seats, and `mean-seconds` is what is assumed of one.
    """
    logs.configure("backlog", io.StringIO())
    with TemporaryDirectory(prefix="mosaic-backlog-") as name, pytest.MonkeyPatch.context() as patched:
        patched.setattr(waiting, "ASSUMED_SECONDS", mean_seconds)
        with cloud.running(Path(name)) as running, functions.given(cloud.fresh(running), patched) as given:
            found = {**_wait(given, jobs, round(hours * 60)), **_work_off(given, jobs)}
    sys.exit(0 if report.show(f"{jobs:,} jobs that wait for {hours:g} h", [found], json) else 1)


def _wait(given: Functions, jobs: int, minutes: int) -> Round:
    sent(given, jobs)
    again: list[int] = []
    seconds: list[float] = []
    for minute in range(1, minutes + 1):
        given.clock.move(MINUTE)
        began = clock()
        with calls(given.parts.sqs, "SendMessage") as sends:
            looked_at = given.reconcile()
        seconds.append(clock() - began)
        again.append(len(sends))
        if looked_at or not minute % 30:
            told = f"minute {minute}: looked at {looked_at}, sent {again[-1]} again, in {seconds[-1]:.1f} s"
            Console(stderr=True).print(f"[dim]{told}[/]")
    first = next((minute for minute, count in enumerate(again, 1) if count), 0)
    return {
        Figure("sent again in a minute, at most, % of the backlog", 2, Reach(most=SHARE * 100)): max(again)
        / jobs
        * 100,
        Figure("sent again in all, % of the backlog", 1): sum(again) / jobs * 100,
        Figure("first minute in which any was", 0): first,
        Figure("longest run of the reconciler, s", 1, Reach(most=RUN_SECONDS)): max(seconds),
    }


def _work_off(given: Functions, jobs: int) -> Round:
    """Workers take every message there is."""
    workers = [Worker(given, f"host-{number}") for number in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(lambda worker: worker.work(10 * jobs), workers))
    commits = sum((worker.commits for worker in workers), start=Counter[str]())
    ended = Counter(job.state for job in given.all_jobs())
    return {
        Figure("jobs that succeeded, %", 1, Reach(least=100)): ended[State.SUCCEEDED] / jobs * 100,
        Figure("commits of one job, at most", 0, Reach(most=1)): max(commits.values()),
        Figure("messages that led to no work, % of the backlog", 1): sum(w.vain for w in workers) / jobs * 100,
    }


if __name__ == "__main__":
    typer.run(main)
