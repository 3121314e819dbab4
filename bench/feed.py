"""Jobs that come to a real worker one by one, each at its time, and how each went."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from bench import runs
from bench.host import LOOK_SECONDS, STUCK_SECONDS, Host
from bench.runs import Run
from bench.service import Service
from shared.job import Job


def feed(service: Service, jobs: Sequence[Job], times: Sequence[float]) -> dict[str, float]:
    """Send each job's message at its time, in seconds from now; when each was there, by job, in CLOCK_MONOTONIC."""
    began, there = time.monotonic(), {}
    for job, at in zip(jobs, times, strict=True):
        time.sleep(max(began + at - time.monotonic(), 0))
        service.send([job])
        there[job.id] = time.monotonic()
    return there


def wait_ran(host: Host, sent: Mapping[str, float]) -> dict[str, Run]:
    """The run of each job that was sent, by job, once the last has ended.

    Raises TimeoutError where some have not for a while, RuntimeError where one ran twice.
    """
    deadline = time.monotonic() + STUCK_SECONDS
    while len(own := [run for run in runs.read(host.runs_file) if run.job in sent]) < len(sent):
        if time.monotonic() > deadline:
            raise TimeoutError(f"of {len(sent)} jobs {len(own)} were scored after {STUCK_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    if len(found := {run.job: run for run in own}) < len(own):
        raise RuntimeError(f"{len(found)} jobs were scored in {len(own)} runs")
    return found


def waits(sent: Mapping[str, float], ran: Mapping[str, Run]) -> list[float]:
    """How long each job waited, in the order sent: from its message being there until a seat began it, in seconds."""
    return [ran[job].begin - at for job, at in sent.items()]
