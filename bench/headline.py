"""`python -m bench.headline`: a day's load in one sitting, through the whole service as it runs on one machine."""

from __future__ import annotations

import asyncio
import json as json_module
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import boto3
import typer
from mosaic import Job, Mosaic
from rich.console import Console

from bench import disk, parts, report
from bench.audio import numbered, speech
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from sandbox import cloud
from sandbox.children import ROOT
from sandbox.parts import BUCKET, Setup
from sandbox.screen import Screen
from sandbox.state import State
from sandbox.supervisor import Sandbox
from shared.object_keys import JOBS_PREFIX

SEATS = 2
AT_ONCE = 12  # calls in hand: enough for both seats to have a backlog
REFERENCE, DEGRADED = (ROOT / "examples" / name for name in ("male_48k.wav", "male_48k_opus_32.wav"))
CALL_SECONDS = 3600.0
LIVES = {"audio": 60, "job": 3600, "batch": 3600, "replayable_audio": 60}
CLEAN_SECONDS = 240.0  # the reconciler comes each minute
LOOK_SECONDS = 1.0
MEGABYTE = 1_000_000


def main(
    calls: Annotated[int, typer.Option(min=SEATS)] = 2_000,
    megabytes: Annotated[float, typer.Option(min=0.2, max=115, help="Of a call: half of it each file.")] = 5.5,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Score so many pairs of speech by ViSQOL, as clients do; exit 1 where one is not scored or audio is left.

    2,000 calls of 5.5 MB are the 11 GB of a day, two files of 28 s at 48 kHz a call. Emulator, API, clients and engine
    share this machine: what each used of it is shown. Some 2.5 GB of its disk are taken, most of it by references that
    are kept.
    """
    os.environ["MOSAIC_LIVES"] = json_module.dumps(LIVES)
    with TemporaryDirectory(prefix="mosaic-bench-") as name:
        state = State(Path(name, "sandbox"))
        with state.hold():
            setup = Setup(state, state.choose_ports(), seats=SEATS)
            cloud.redirect(os.environ, setup.ports.cloud)
            found = asyncio.run(_run(setup, calls, round(megabytes / 2 * MEGABYTE)))
    title = f"{calls:,} calls of {megabytes:g} MB by ViSQOL, {SEATS} seats, all on this machine"
    sys.exit(0 if report.show(title, [found], json) else 1)


async def _run(setup: Setup, calls: int, file_bytes: int) -> Round:
    async with Sandbox(setup, Screen(Console(stderr=True))) as sandbox:
        await sandbox.worker_ready()
        return await sandbox.while_alive(asyncio.to_thread(_measure, setup, calls, file_bytes))


def _measure(setup: Setup, calls: int, file_bytes: int) -> Round:
    machine = Machine()
    with (
        disk.peak(setup.state.cloud) as stored,
        disk.peak(setup.state.work) as worked,
        parts.peak_memory() as memory,
        Mosaic(setup.url, setup.state.api_key().value) as mosaic,
    ):
        began, used = time.monotonic(), parts.cpu()
        ended = _calls(mosaic, calls, file_bytes)
        seconds, cpu = time.monotonic() - began, parts.cpu()
        _wait_clean()
        cleaned = time.monotonic() - began - seconds
    scored = [job.result.timings_ms["scored"] / 1000 for job in ended if job.result]
    uploaded = sum(file.bytes or 0 for job in ended for file in (job.reference, job.degraded))
    return {
        Figure("calls that were scored, %", 1, Reach(least=100)): len(scored) / calls * 100,
        Figure("minutes, from the first call to the last answer"): seconds / 60,
        Figure("GB uploaded", 2): uploaded / MEGABYTE / 1000,
        Figure("seconds a score takes, mean", 2): sum(scored) / len(scored),
        Figure("seat use", 3): sum(scored) / (SEATS * seconds),
        **{Figure(f"cores used: {part}", 2): (cpu[part] - used[part]) / seconds for part in parts.NAMES},
        **{Figure(f"MB of memory, at most: {part}", 0): memory[part] / MEGABYTE for part in parts.NAMES},
        Figure("MB in the cloud, at most", 0): stored[0] / MEGABYTE,
        Figure("MB on the worker's disk, at most", 0): worked[0] / MEGABYTE,
        Figure("MB on the worker's disk in the end", 0): disk.bytes_in(setup.state.work) / MEGABYTE,
        Figure("files of audio left in the bucket", 0, Reach(most=0)): len(list(_audio())),
        Figure("seconds after the last answer until they were gone", 0): cleaned,
        **machine.figures(),
    }


def _calls(mosaic: Mosaic, count: int, file_bytes: int) -> list[Job]:
    """Every call as it ended, each of a pair of files that no other has."""
    reference, degraded = speech(file_bytes, REFERENCE), speech(file_bytes, DEGRADED)
    with TemporaryDirectory(prefix="mosaic-bench-") as scratch, ThreadPoolExecutor(AT_ONCE) as threads:

        def call(number: int) -> Job:
            pair = Path(scratch, f"{number}-reference.wav"), Path(scratch, f"{number}-degraded.wav")
            for path, wav in zip(pair, (reference, degraded), strict=True):
                path.write_bytes(numbered(wav, number))
            job = mosaic.create(*pair)
            mosaic.upload(job, reference=pair[0], degraded=pair[1])
            for path in pair:
                path.unlink()
            return mosaic.wait(job, timeout=CALL_SECONDS)

        return list(_told(threads.map(call, range(count)), count))


def _told(jobs: Iterable[Job], count: int) -> Iterator[Job]:
    began = time.monotonic()
    for number, job in enumerate(jobs, 1):
        if job.error:
            Console(stderr=True).print(f"[red]{job.error.code}: {job.error.message}[/]")
        if number % 50 == 0:
            left = (time.monotonic() - began) / number * (count - number)
            Console(stderr=True).print(f"[dim]{number:,} calls answered, {left / 60:.0f} minutes to go[/]")
        yield job


def _wait_clean() -> None:
    """Until no audio of a job is left, or for as long as that may take."""
    deadline = time.monotonic() + CLEAN_SECONDS
    while next(_audio(), None) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _audio() -> Iterator[str]:
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=JOBS_PREFIX)
    return (found["Key"] for page in pages for found in page.get("Contents", []))


if __name__ == "__main__":
    typer.run(main)
