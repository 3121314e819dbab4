"""`python -m sandbox.demo`: a fresh sandbox scores the example pairs through the public API, and ends."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from mosaic import JobEnded, Mosaic, MosaicError
from rich.console import Console

from sandbox import cloud
from sandbox.children import ROOT, ChildDied
from sandbox.demo_report import Pair, Scored, in_order, report
from sandbox.parts import Setup
from sandbox.screen import Screen
from sandbox.state import BadState, State
from sandbox.supervisor import Sandbox, end_on_signals

EXAMPLES = ROOT / "examples"
FAILED, CANNOT_START, INTERRUPTED = 1, 2, 130

WAIT_SECONDS = 120.0  # for one score

T = TypeVar("T")


def main() -> int:
    """The exit code: 0 where every pair was scored and the order of damage holds."""
    state = State(ROOT / ".sandbox" / "demo")
    try:
        with state.hold():
            state.forget()
            setup = Setup(state, state.choose_ports())
            cloud.redirect(os.environ, setup.ports.cloud)
            return asyncio.run(_show(setup, Screen(Console()), read_pairs(EXAMPLES / "demo.csv")))
    except BadState as error:
        print(f"mosaic demo: {error}", file=sys.stderr)
        return CANNOT_START


def read_pairs(manifest: Path) -> list[Pair]:
    """The rows of a manifest, whose files are named from where it stands, from the least damaged to the most."""
    with manifest.open(newline="") as file:
        return [
            Pair(
                name=row["custom_id"],
                reference=manifest.parent / row["reference"],
                degraded=manifest.parent / row["degraded"],
                mode=row["mode"],
                damage=row["label"],
            )
            for row in csv.DictReader(file)
        ]


def score(mosaic: Mosaic, pair: Pair) -> Scored:
    """One pair's score, as any client gets it. Raises MosaicError."""
    began = time.monotonic()
    job = mosaic.create(pair.reference, pair.degraded, mode=pair.mode, label=pair.damage)
    created = time.monotonic()
    mosaic.upload(job, reference=pair.reference, degraded=pair.degraded)
    uploaded = time.monotonic()
    job = mosaic.wait(job, timeout=WAIT_SECONDS)
    if job.result is None or job.result.mos_lqo is None:
        raise JobEnded(job)
    steps = {"created": _ms(created - began), "uploaded": _ms(uploaded - created), **job.result.timings_ms}
    return Scored(pair, job.id, job.result.mos_lqo, steps, _ms(time.monotonic() - began))


async def _show(setup: Setup, screen: Screen, pairs: list[Pair]) -> int:
    end_on_signals()
    screen.heading("Mosaic demo", f"the whole service starts here, then scores {len(pairs)} pairs of recordings")
    try:
        async with Sandbox(setup, screen) as sandbox:
            await sandbox.worker_ready()
            screen.line()
            with Mosaic(setup.url, setup.state.api_key().value) as mosaic:
                scored = await sandbox.while_alive(asyncio.gather(*(_score(mosaic, pair, screen) for pair in pairs)))
    except asyncio.CancelledError:
        screen.line("Interrupted.")
        return INTERRUPTED
    except ChildDied:
        return FAILED
    except MosaicError as error:
        screen.line(f"The demo failed: {error}\nLogs: {setup.state.logs}")
        return FAILED
    screen.console.print(report(scored, screen.took))
    return 0 if in_order(scored) else FAILED


async def _score(mosaic: Mosaic, pair: Pair, screen: Screen) -> Scored:
    scored = await _aside(lambda: score(mosaic, pair))
    screen.line(f"  {pair.name:<20} {scored.mos_lqo:.2f} after {scored.total_ms / 1000:.1f} s")
    return scored


async def _aside(work: Callable[[], T]) -> T:
    """What `work` returns or raises, run on a thread that nobody waits for any more once this is cancelled."""
    outcome: Future[T] = Future()

    def run() -> None:
        with suppress(InvalidStateError):  # cancelled meanwhile
            try:
                outcome.set_result(work())
            except Exception as error:
                outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


if __name__ == "__main__":
    sys.exit(main())
