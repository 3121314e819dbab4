"""A stand-in that says it is ViSQOL, as the deployed pool wants, is ready at once, and gives every pair one score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.settings.pools import VISQOL_MODES
from worker.engines.engine import Description, Score

if TYPE_CHECKING:
    from pathlib import Path

NAME = "tests.infra.quick_visqol:QuickVisqol"
MOS = 2.5


class QuickVisqol:
    """Scores nothing, quickly."""

    def describe(self) -> Description:
        return Description("visqol", "stand-in", VISQOL_MODES, VISQOL_MODES[0].name)

    def self_test(self) -> None:
        """It is always well."""

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        return Score(MOS)
