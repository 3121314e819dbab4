"""`python -m bench.call_seconds`: how long ViSQOL has a seat for a call, and how long it takes to measure one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from bench import report
from bench.audio import SPEECH, speech
from bench.machine import Machine
from bench.report import Figure, Round
from worker.audio.measures import measure
from worker.engines.visqol import VisqolEngine

DEGRADED = SPEECH.with_stem(f"{SPEECH.stem}_opus_32")
BYTES_A_SECOND = 2 * 48_000
MEGABYTE = 1_000_000


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    megabytes: Annotated[float, typer.Option(min=0.1, max=57, help="Of each of the two files, at 48 kHz.")] = 5.5,
    json: Annotated[Path | None, typer.Option(help="Write every round's figures there too.")] = None,
) -> None:
    """Score speech in this process, as a seat does, by CPU time: it may be done on a busy machine."""
    engine = VisqolEngine()
    with TemporaryDirectory(prefix="mosaic-bench-") as name:
        reference, degraded = Path(name, "reference.wav"), Path(name, "degraded.wav")
        for path, source in ((reference, SPEECH), (degraded, DEGRADED)):
            path.write_bytes(speech(round(megabytes * MEGABYTE), source))
        engine.self_test()
        seconds = degraded.stat().st_size / BYTES_A_SECOND
        found = [_round(engine, reference, degraded, seconds) for _ in range(rounds)]
    sys.exit(0 if report.show(f"ViSQOL, {megabytes:g} MB of speech: {seconds:.1f} s at 48 kHz", found, json) else 1)


def _round(engine: VisqolEngine, reference: Path, degraded: Path, seconds: float) -> Round:
    machine = Machine()
    scoring = _cpu_seconds(lambda: engine.score(reference, degraded, engine.describe().default_mode, degraded.parent))
    measuring = _cpu_seconds(lambda: [measure(path) for path in (reference, degraded)])
    return {
        Figure("CPU seconds to score", 2): scoring,
        Figure("CPU seconds to score a second of speech", 3): scoring / seconds,
        Figure("CPU seconds to measure both files", 2): measuring,
        **machine.figures(),
    }


def _cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    typer.run(main)
