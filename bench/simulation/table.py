"""An answer as a table, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich import table as rich_table
from rich.console import Console

Cell = str | float
HOUR = 3600.0
MINUTE = 60.0


def number(value: Cell) -> str:
    """A whole one, with commas."""
    return value if isinstance(value, str) else f"{value:,.0f}"


def tenths(value: Cell) -> str:
    """With one digit after the point."""
    return value if isinstance(value, str) else f"{value:,.1f}"


def share(value: Cell) -> str:
    """In per cent."""
    return value if isinstance(value, str) else f"{value * 100:.0f} %"


def duration(value: Cell) -> str:
    """Seconds, in the unit that people would take."""
    if isinstance(value, str):
        return value
    if value < 2 * MINUTE:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    return f"{value / MINUTE:.0f} min" if value < 2 * HOUR else f"{value / HOUR:.1f} h"


@dataclass(frozen=True)
class Table:
    """Rows of cells; a column is a name and how its cells are shown."""

    title: str
    columns: Mapping[str, Callable[[Cell], str]]
    rows: Sequence[Sequence[Cell]]

    def show(self) -> None:
        """Print it."""
        table = rich_table.Table(title=self.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in self.columns:
            table.add_column(column, justify="right", header_style="dim")
        for row in self.rows:
            table.add_row(*(show(cell) for show, cell in zip(self.columns.values(), row, strict=True)))
        Console().print("", table)

    def document(self) -> dict[str, object]:
        """For JSON: each row by its columns, durations in seconds."""
        return {"title": self.title, "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows]}
