"""What a bench found, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Reach:
    """What to reach: at least so much, at most so much, or both, by the rounds' median or by what else `judge` is."""

    least: float | None = None
    most: float | None = None
    judge: Callable[[Sequence[float]], float] = statistics.median

    def met(self, values: Sequence[float]) -> bool:
        """Whether the rounds reach it; where there is none, they do not."""
        if not values:
            return False
        judged = self.judge(values)  # of numpy's, perhaps, whose truth JSON does not take
        return bool((self.least is None or judged >= self.least) and (self.most is None or judged <= self.most))

    def __str__(self) -> str:
        each = "each " if self.judge in (min, max) else ""  # of the rounds
        if self.least is not None and self.most is not None:
            return f"{each}{self.least:g} to {self.most:g}"
        return f"{each}≥ {self.least:g}" if self.least is not None else f"{each}≤ {self.most:g}"


@dataclass(frozen=True)
class Figure:
    """Something that is measured: its name with its unit, digits after the point, and what to reach, if anything."""

    name: str
    digits: int = 1
    reach: Reach | None = None


Round = Mapping[Figure, float]


def show(title: str, rounds: Sequence[Round], file: Path | None) -> bool:
    """Print medians and ranges over the rounds, and write all of it as JSON where asked; whether all is reached."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim", pad_edge=False)
    table.add_column("")
    for column in ("median", "range", "to reach", ""):
        table.add_column(column, justify="right", no_wrap=True)
    values = {figure: [found[figure] for found in rounds] for figure in rounds[0]}
    for figure, measured in values.items():
        table.add_row(*_row(figure, measured))
    Console().print("", table, f"[dim]rounds: {len(rounds)}; {machine()}[/]", "")
    if file:
        write(file, {"bench": title, "machine": machine(), "reached": reached(values), "figures": documents(values)})
    return reached(values)


def reached(figures: Mapping[Figure, Sequence[float]]) -> bool:
    """Whether each figure of which something is asked reaches it, by its value of every round."""
    return all(figure.reach.met(values) for figure, values in figures.items() if figure.reach)


def documents(figures: Mapping[Figure, Sequence[float]]) -> dict[str, object]:
    """For JSON, by name: each figure's value of every round, and what it is to reach and whether it does, or null."""
    return {
        figure.name: {
            "rounds": values,
            "digits": figure.digits,
            "reach": str(figure.reach) if figure.reach else None,
            "reached": figure.reach.met(values) if figure.reach else None,
        }
        for figure, values in figures.items()
    }


def _row(figure: Figure, values: Sequence[float]) -> list[str | Text]:
    low, middle, high = (
        f"{value:,.{figure.digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    spread = f"{low} to {high}" if low != high else ""
    if figure.reach is None:
        return [figure.name, middle, spread, "", ""]
    mark = Text("✓", style="green") if figure.reach.met(values) else Text("✗", style="bold red")
    return [figure.name, Text(middle, style="bold"), spread, str(figure.reach), mark]


def write(file: Path, content: Mapping[str, object]) -> None:
    """Write figures as JSON; what is not a number, of which JSON knows nothing, as null."""
    plain = json.loads(json.dumps(content), parse_constant=lambda _: None)
    file.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")


def machine() -> str:
    """What was measured on."""
    return f"{os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}"
