"""An engine that does what every other participant does for a job. Its scores mean nothing."""

from __future__ import annotations

from pathlib import Path

from bench.engine import MODE
from bench.peers import work
from worker.engines.engine import Description, Score

LIMIT_SECONDS = 600.0
NAME = "bench.peers.mosaic_engine:OrderedEngine"


class OrderedEngine:
    """Does as the orders say."""

    def describe(self) -> Description:
        """A stand-in, and said to be one. It takes longer than half a second of sound should take an engine."""
        told = {"note": "this is a stand-in"}
        return Description("stand-in", "1.0", (MODE,), MODE.name, told, limit_seconds=LIMIT_SECONDS)

    def self_test(self) -> None:
        """Nothing is needed."""

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        """Do the job by whose name its directory goes."""
        work.do(degraded.parent.name.partition("-")[0])
        return Score(3.0)
