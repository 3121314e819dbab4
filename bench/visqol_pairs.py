"""`python -m bench.visqol_pairs`: pairs of speech scored by ViSQOL through the worker, and by two bare processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import psutil
import soundfile
import typer
from numpy.typing import NDArray
from rich.console import Console

from bench import bare_scoring, report
from bench.audio import SPEECH, wav
from bench.host import Cpu, worker
from bench.machine import Machine
from bench.process import cpu_seconds
from bench.report import Figure, Reach, Round
from bench.service import POOL, Pair, Service, embedded_cloud
from shared.states import State
from worker import engines

SEATS = 2
ENGINE = "visqol"
RATE_HZ = 48_000
SECONDS = (8.0, 10.0)
NOISE_DB = (10.0, 50.0)  # below the speech
NUMBA = "NUMBA_CACHE_DIR"
UP_SECONDS = 2.0  # longer than one is up before another


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 4,
    pairs: Annotated[int, typer.Option(min=2 * SEATS, help="In each round, each scored twice.")] = 50,
    speech: Annotated[Path, typer.Option(help="A recording at 48 kHz to cut the pairs from.")] = SPEECH,
    json: Annotated[Path | None, typer.Option(help="Write every round's figures there too.")] = None,
) -> None:
    """Score pairs of 8 to 10 s at 48 kHz; exit 1 below 0.95 of the pace of two processes that do nothing else.

    Both measure both files of each pair and score it, two at once. The worker has the emulated cloud beside it, on the
    same CPUs; what that used is shown.
    """
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)) as cloud:
        os.environ[NUMBA] = str(Path(name, "numba"))
        made = _pairs(speech, pairs)
        files = _files(Path(name), made)
        found = [_round(Path(name), number, made, files, cloud) for number in range(rounds)]
    title = f"ViSQOL: {rounds * pairs} pairs of {SECONDS[0]:g} to {SECONDS[1]:g} s at 48 kHz, {SEATS} seats"
    sys.exit(0 if report.show(title, found, json) else 1)


@dataclass(frozen=True)
class Took:
    """What scoring all pairs took, in seconds; those of CPU, and what else the machine did while it went on."""

    seconds: float
    cpu: Cpu
    emulated: float
    machine: Round


def _round(
    directory: Path, number: int, pairs: Sequence[Pair], files: Sequence[tuple[Path, Path]], cloud: psutil.Process
) -> Round:
    """Both, in an order that changes from round to round."""
    bare = _bare(files) if number % 2 else None
    served = _through_worker(directory / str(number), pairs, cloud)
    bare = bare or _bare(files)
    Console(stderr=True).print(f"[dim]round {number + 1}: {served.seconds:.1f} s, bare {bare.seconds:.1f} s[/]")
    return {
        Figure("throughput against two bare processes", 3, Reach(least=0.95)): bare.seconds / served.seconds,
        Figure("pairs a second", 2): len(pairs) / served.seconds,
        Figure("pairs a second, bare", 2): len(pairs) / bare.seconds,
        Figure("CPU a pair, ms: bare, it measures and scores", 0): bare.cpu.seats / len(pairs) * 1000,
        Figure("CPU a pair, ms: the seats", 0): served.cpu.seats / len(pairs) * 1000,
        Figure("CPU a pair, ms: the measuring process", 0): served.cpu.measuring / len(pairs) * 1000,
        Figure("CPU a pair, ms: the worker itself", 0): served.cpu.worker / len(pairs) * 1000,
        Figure("CPU a pair, ms: the emulator", 0): served.emulated / len(pairs) * 1000,
        **{figure: max(seen, bare.machine[figure]) for figure, seen in served.machine.items()},
    }


def _through_worker(directory: Path, pairs: Sequence[Pair], cloud: psutil.Process) -> Took:
    """From when the worker could begin until the last job succeeded."""
    engine = engines.load(ENGINE).describe()
    terms = {"engine": engine.name, "modes": engine.modes, "default_mode": engine.default_mode}
    service = Service.fresh(POOL.model_copy(update=terms))
    with worker(service, directory, engine=ENGINE, seats=SEATS, prefetch=SEATS) as host:
        jobs = service.put_pairs(pairs)
        machine, began, cpu, emulated = Machine(), time.time(), host.cpu(), cpu_seconds(cloud)
        service.send(jobs)
        service.wait_done()
        cpu, emulated, busy = host.cpu() - cpu, cpu_seconds(cloud) - emulated, machine.figures()
    ended = service.jobs()
    if unscored := [job.error for job in ended if job.state is not State.SUCCEEDED]:
        raise RuntimeError(f"{len(unscored)} of {len(ended)} jobs have no score: {unscored[0]}")
    return Took(max(job.times[State.SUCCEEDED] for job in ended) - began, cpu, emulated, busy)


def _bare(files: Sequence[tuple[Path, Path]]) -> Took:
    """The same by processes that take one pair after another from a pool, warm before they begin."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(SEATS, spawn, initializer=bare_scoring.warm, initargs=(ENGINE,)) as processes:
        list(processes.map(time.sleep, [UP_SECONDS] * SEATS))  # each takes one once it is up
        machine, began = Machine(), time.monotonic()
        cpu = sum(processes.map(bare_scoring.score, files))
        return Took(time.monotonic() - began, Cpu(worker=0, measuring=0, seats=cpu), 0, machine.figures())


def _pairs(speech: Path, count: int) -> list[Pair]:
    """Speech that begins anywhere and is said again until it is so long; the same with noise in it."""
    samples, rate_hz = soundfile.read(speech, dtype="float64")
    if rate_hz != RATE_HZ:
        raise typer.BadParameter(f"{speech} has {rate_hz} Hz; give a recording at {RATE_HZ} Hz")
    generator = np.random.default_rng(1)
    return [_pair(samples, generator) for _ in range(count)]


def _pair(samples: NDArray[np.float64], generator: np.random.Generator) -> Pair:
    length = round(generator.uniform(*SECONDS) * RATE_HZ)
    clean = np.resize(np.roll(samples, generator.integers(samples.size)), length)
    noise = generator.normal(0, clean.std() * 10 ** (-generator.uniform(*NOISE_DB) / 20), length)
    return Pair(wav(clean, RATE_HZ), wav(clean + noise, RATE_HZ))


def _files(directory: Path, pairs: Sequence[Pair]) -> list[tuple[Path, Path]]:
    found = []
    for number, pair in enumerate(pairs):
        place = directory / f"pair-{number}"
        place.mkdir()
        found.append((place / "reference.wav", place / "degraded.wav"))
        for path, content in zip(found[-1], pair, strict=True):
            path.write_bytes(content)
    return found


if __name__ == "__main__":
    typer.run(main)
