"""A stand-in for an engine: it takes the time it is told, and notes when it ran, so that seats are seen from outside.

Put into a worker as `bench.engine:SleepingEngine`. Its scores mean nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.runs import Run
from shared.pools import Mode
from worker.engines.engine import Description, Score

NAME = "bench.engine:SleepingEngine"
SECONDS = "BENCH_ENGINE_SECONDS"
RUNS_FILE = "BENCH_RUNS_FILE"

RATES = (16000, 48000)
MODE = Mode(name="wb", reference_rates_hz=RATES, degraded_rates_hz=RATES, same_rate=True, ceiling=5.0)


class SleepingEngine:
    """Sleeps, so that all the CPU there is goes to what is measured: the worker and the cloud."""

    def describe(self) -> Description:
        """A stand-in, and said to be one."""
        return Description("stand-in", "1.0", (MODE,), MODE.name, {"note": "this is a stand-in"})

    def self_test(self) -> None:
        """Read what it is told, and open what it writes to."""
        self._seconds = float(os.environ[SECONDS])
        self._runs = os.open(os.environ[RUNS_FILE], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        """Sleep, and note it: one line, in one write, for every seat writes to the same file."""
        begin = time.monotonic()
        time.sleep(self._seconds)
        run = Run(job=job_of(degraded), seat=os.getpid(), begin=begin, end=time.monotonic())
        os.write(self._runs, run.line())
        return Score(3.0)


def job_of(degraded: Path) -> str:
    """The id of the job that a file is of: the worker names its directory so."""
    return degraded.parent.name.partition("-")[0]
