"""A stand-in for an engine that takes for each job as long as was drawn for it beforehand.

Put into a worker as `bench.lengths:DrawnEngine`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from bench.engine import SleepingEngine, job_of
from worker.engines.engine import Score

NAME = "bench.lengths:DrawnEngine"
FILE = "BENCH_LENGTHS_FILE"


class DrawnEngine(SleepingEngine):
    """Sleeps for so many seconds, by job."""

    def self_test(self) -> None:
        """Read every length."""
        super().self_test()
        self._lengths: dict[str, float] = json.loads(Path(os.environ[FILE]).read_bytes())

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        """Sleep for as long as is drawn for the job."""
        self._seconds = self._lengths[job_of(degraded)]
        return super().score(reference, degraded, mode, scratch)


def tell(path: Path, seconds: Mapping[str, float]) -> None:
    """Let the workers that are started from here on know how long each job takes; write it there."""
    path.write_text(json.dumps(dict(seconds)))
    os.environ[FILE] = str(path)
