"""A stand-in for an engine that is ready at once and gives every pair the same score, which means nothing.

Its details tell where an engine that compiles itself keeps its code.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.cloud import POOL
from worker.engines.engine import Description, Score

NAME = "tests.integration.quick_engine:QuickEngine"
MOS = 2.5


class QuickEngine:
    """Scores nothing, quickly."""

    def describe(self) -> Description:
        return Description("quick", "1.0", POOL.modes, POOL.default_mode)

    def self_test(self) -> None:
        """It is always well."""

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        return Score(MOS, {"compiled": os.environ["NUMBA_CACHE_DIR"]})
