"""What commands show: tables drawn for people on a terminal, plain columns for whatever else reads them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSEEN_WIDTH = 1000  # columns: where there is no terminal, no line is broken
_BAR = 16  # columns
_MOST_SEATS = 16  # drawn
_NEARLY, _ALMOST = 0.75, 0.95  # used up


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table with these columns, those of `right` aligned there."""
    empty = Table(box=SIMPLE_HEAD if _out().is_terminal else None, header_style="bold", pad_edge=False)
    for column in columns:
        empty.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return empty


def facts(title: str, rows: Mapping[str, RenderableType]) -> RenderableType:
    """What there is to say of one thing: on a terminal in a frame with its title."""
    grid = Table.grid(padding=(0, 3))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(name, value)
    if not _out().is_terminal:
        return grid
    return Panel.fit(grid, title=Text(title, style="bold"), title_align="left", border_style="cyan", padding=(1, 3))


def used(amount: str, limit: Text, share: float) -> RenderableType:
    """How much of a limit is used up: in words, and on a terminal with a bar below them."""
    text = Text.assemble(amount, (" of ", "dim"), limit)
    return Group(text, bar(share)) if _out().is_terminal else text


def bar(share: float) -> Text:
    """A share of a whole, from green to red as it fills."""
    filled = _BAR if share >= 1 else min(_BAR - 1, math.ceil(share * _BAR))
    colour = "red" if share >= _ALMOST else "yellow" if share >= _NEARLY else "green"
    return Text.assemble(("━" * filled, colour), ("─" * (_BAR - filled), "dim"))


def marked(text: str, style: str) -> Text:
    """A state, with a mark of its colour."""
    return Text.assemble(("● ", style), text) if _out().is_terminal else Text(text)


def seats(busy: int, all_: int) -> Text:
    """How many seats are busy, on a terminal each with a mark while they are few."""
    count = f"{busy}/{all_}"
    if all_ > _MOST_SEATS or not _out().is_terminal:
        return Text(count)
    return Text.assemble(("▮" * busy, "green"), ("▯" * (all_ - busy), "dim"), f" {count}")


def show(shown: RenderableType) -> None:
    """Print what was asked for, on standard output."""
    _out().print(shown)


def line(text: Text) -> None:
    """Print one line of what was asked for, on standard output."""
    _out().print(text, soft_wrap=True)


def say(text: str) -> None:
    """Tell what was done, and what to do next, on standard error."""
    _print_err(Text(text))


def refuse(message: str) -> None:
    """Tell why something is not done, on standard error."""
    _print_err(Text.assemble(("error: ", "bold red"), message))


def _print_err(text: Text) -> None:
    console = Console(stderr=True)
    console.print(text, soft_wrap=not console.is_terminal)


def _out() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_UNSEEN_WIDTH)
