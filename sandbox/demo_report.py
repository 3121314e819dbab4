"""What the demo found, for people: the scores, where the time went, and whether the scores follow the damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

STEPS = ("created", "uploaded", "queued", "fetched", "scored", "published")
CLEAR = 0.5  # MOS: a difference that anybody would hear
_LOWEST, _HIGHEST = 1.0, 5.0  # the MOS scale: ITU-T P.800.1
_BAR_WIDTH = 20

_NEXT = """
What to try next, in this directory:
  less .sandbox/demo/logs/worker.log
  make sandbox
Meanwhile, in a second terminal, after the two export lines that it prints:
  .venv/bin/mosaic score examples/male_48k.wav examples/male_48k_gsm.wav
  .venv/bin/mosaic score examples/male_48k.wav examples/male_48k_gsm.wav --json"""


@dataclass(frozen=True)
class Pair:
    """A row of the manifest: two recordings, and what was done to the second."""

    name: str
    reference: Path
    degraded: Path
    mode: str
    damage: str


@dataclass(frozen=True)
class Scored:
    """A pair's score, and where its time went: milliseconds by step, and in all."""

    pair: Pair
    job_id: str
    mos_lqo: float
    steps_ms: Mapping[str, float]
    total_ms: int


def in_order(scored: Sequence[Scored]) -> bool:
    """Whether each pair scores lower than the less damaged one before it."""
    return all(better.mos_lqo > worse.mos_lqo for better, worse in pairwise(scored))


def verdict(scored: Sequence[Scored]) -> str:
    """Whether the scores follow the damage, and where they do so by less than half a MOS."""
    if not in_order(scored):
        return "The order of damage does NOT hold: a pair scores no lower than one that is less damaged."
    close = [
        f"{better.pair.damage} and {worse.pair.damage} ({better.mos_lqo - worse.mos_lqo:.2f})"
        for better, worse in pairwise(scored)
        if better.mos_lqo - worse.mos_lqo < CLEAR
    ]
    if close:
        return f"The order of damage holds; neighbours differ by {CLEAR} or more, but for {', '.join(close)}."
    return f"The order of damage holds, and neighbours differ by {CLEAR} or more."


def report(scored: Sequence[Scored], took: Mapping[str, float]) -> RenderableType:
    """All of it; `took` is how long each part took to start, in seconds."""
    starts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in took.items())
    return Group(
        Text(),
        _scores(scored),
        Text(),
        _times(scored),
        Text("The rest of “in all” is waiting: to be taken in, for a seat, for the next poll.", style="dim"),
        Text(f"\nStart-up: {starts}.\n"),
        Text(verdict(scored), style="green" if in_order(scored) else "bold red"),
        Text(_NEXT),
    )


def _scores(scored: Sequence[Scored]) -> Table:
    table = _table("pair", "damage")
    table.add_column("MOS-LQO", justify="right", style="bold")
    table.add_column("1 to 5", no_wrap=True)
    for row in scored:
        table.add_row(row.pair.name, row.pair.damage, f"{row.mos_lqo:.2f}", _bar(row.mos_lqo))
    return table


def _times(scored: Sequence[Scored]) -> Table:
    table = _table("ms", gap=1)
    for step in (*STEPS, "in all"):
        table.add_column(step, justify="right")
    for row in scored:
        steps = [f"{row.steps_ms[step]:.0f}" if step in row.steps_ms else "" for step in STEPS]
        table.add_row(row.pair.name, *steps, str(row.total_ms))
    return table


def _table(*columns: str, gap: int = 2) -> Table:
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _bar(mos: float) -> Text:
    filled = round((mos - _LOWEST) / (_HIGHEST - _LOWEST) * _BAR_WIDTH)
    colour = "green" if mos >= 4 else "yellow" if mos >= 2.5 else "red"
    return Text("█" * filled, style=colour) + Text("░" * (_BAR_WIDTH - filled), style="dim")
