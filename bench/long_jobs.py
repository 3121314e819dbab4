"""`python -m bench.long_jobs`: jobs of nearly a minute of speech, through the whole service, and what they leave."""

from __future__ import annotations

import json as json_module
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from mosaic import Mosaic
from rich.console import Console

from bench import disk, report
from bench.api import api
from bench.audio import numbered, speech
from bench.host import Host, worker
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from bench.service import Service, embedded_cloud
from bench.waiting import until_none
from shared.job import Job
from shared.object_keys import JOBS_PREFIX
from shared.states import State

SEATS = 2
JOB_SECONDS = 0.01
REFERENCES = 10  # stored, and named by all jobs in turn
AT_ONCE = 4  # calls and uploads
WAITING = 200  # jobs that are not scored yet, before more are submitted
LIVES = {"audio": 60, "job": 3600, "batch": 3600, "replayable_audio": 60}
CLEAN_SECONDS = 240.0  # the reconciler comes each minute
WORK_MEGABYTES = 300
LOOK_SECONDS = 1.0
MEGABYTE = 1_000_000


def main(
    jobs: Annotated[int, typer.Option(min=1)] = 2_000,
    megabytes: Annotated[float, typer.Option(min=0.1, max=57, help="Of each of a job's two files.")] = 5.5,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Score jobs of real speech against stored references, by an engine that takes 10 ms.

    Exit 1 where one is refused, audio is left, or the worker takes more than 300 MB of the disk. Each job uploads a
    file of its own. On the disk there are 200 of these at a time, those that wait, and those that ended within two
    minutes: a few GB.
    """
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)):
        found = _measure(Path(name), jobs, speech(round(megabytes * MEGABYTE)))
    title = f"{jobs:,} jobs of {megabytes:g} MB against stored references, {SEATS} seats"
    sys.exit(0 if report.show(title, [found], json) else 1)


def _measure(directory: Path, count: int, audio: bytes) -> Round:
    service, machine, lives = Service.fresh(), Machine(), json_module.dumps(LIVES)
    place = directory / "worker"
    with (
        api(service, directory, lives=lives) as reached,
        worker(service, place, engine_seconds=JOB_SECONDS, seats=SEATS, lives=lives) as host,
        reached.mosaic() as mosaic,
        disk.peak(directory / "cloud") as stored,
        disk.peak(place / "work") as worked,
    ):
        references = _references(directory, audio)
        for reference in references:
            reached.store(reference.read_bytes())
        began = time.monotonic()
        _submit(mosaic, host, references, audio, count)
        until_none(lambda: sum(not job.ended for job in service.jobs()))
        seconds = time.monotonic() - began
        ended = service.jobs()
        _wait_clean(service)
        cleaned = time.monotonic() - began - seconds
    states = Counter(job.state for job in ended)
    _tell_refused(ended)
    return {
        Figure("jobs that succeeded, %", 1, Reach(least=100)): states[State.SUCCEEDED] / count * 100,
        Figure("seconds, from the first call to the last end"): seconds,
        Figure("jobs a second", 2): count / seconds,
        Figure("MB uploaded", 0): count * len(audio) / MEGABYTE,
        Figure("MB on the worker's disk, at most", 0, Reach(most=WORK_MEGABYTES)): worked[0] / MEGABYTE,
        Figure("MB in the cloud, at most", 0): stored[0] / MEGABYTE,
        Figure("files in the bucket of jobs that ended", 0, Reach(most=0)): len(_audio(service)),
        Figure("seconds after the last end until they were gone", 0): cleaned,
        **machine.figures(),
    }


def _references(directory: Path, audio: bytes) -> list[Path]:
    paths = [directory / f"reference-{number}.wav" for number in range(REFERENCES)]
    for number, path in enumerate(paths):
        path.write_bytes(numbered(audio, number))
    return paths


def _submit(mosaic: Mosaic, host: Host, references: Sequence[Path], audio: bytes, count: int) -> None:
    """Create and upload jobs, several at once, as fast as they are scored."""
    with TemporaryDirectory(prefix="mosaic-bench-") as scratch, ThreadPoolExecutor(AT_ONCE) as threads:

        def submit(number: int) -> None:
            while number - host.scored() > WAITING:
                time.sleep(LOOK_SECONDS)
            degraded, reference = Path(scratch, f"{number}.wav"), references[number % REFERENCES]
            degraded.write_bytes(numbered(audio, REFERENCES + number))
            mosaic.upload(mosaic.create(reference, degraded), reference=reference, degraded=degraded)
            degraded.unlink()

        for number, _ in enumerate(threads.map(submit, range(count)), 1):
            if number % 100 == 0:
                Console(stderr=True).print(f"[dim]{number:,} jobs submitted, {host.scored():,} scored[/]")


def _tell_refused(ended: Sequence[Job]) -> None:
    for error in {f"{job.error.code}: {job.error.message}" for job in ended if job.error}:
        Console(stderr=True).print(f"[red]refused, {error}[/]")


def _wait_clean(service: Service) -> None:
    """Until no audio of a job is left, or for as long as that may take."""
    deadline = time.monotonic() + CLEAN_SECONDS
    while _audio(service) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _audio(service: Service) -> list[str]:
    pages = service.s3.get_paginator("list_objects_v2").paginate(Bucket=service.name, Prefix=JOBS_PREFIX)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


if __name__ == "__main__":
    typer.run(main)
