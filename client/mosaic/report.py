"""The report: a job as a person wants to see it, the score first."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mosaic.models import Job, Result
from mosaic.standing import seconds

# Three lines a glyph, of box-drawing characters (Unicode 2500-257F).
_BIG = {
    "0": ("┏━┓", "┃ ┃", "┗━┛"),
    "1": (" ┓ ", " ┃ ", " ┻ "),
    "2": ("╺━┓", "┏━┛", "┗━╸"),
    "3": ("╺━┓", " ━┫", "╺━┛"),
    "4": ("╻ ╻", "┗━┫", "  ╹"),
    "5": ("┏━╸", "┗━┓", "╺━┛"),
    "6": ("┏━╸", "┣━┓", "┗━┛"),
    "7": ("╺━┓", "  ┃", "  ╹"),
    "8": ("┏━┓", "┣━┫", "┗━┛"),
    "9": ("┏━┓", "┗━┫", "╺━┛"),
    ".": (" ", " ", "▪"),
}
_NAMES = {"visqol": "ViSQOL", "polqa": "POLQA", "pesq": "PESQ"}
_NOT_YET = "no score yet"
_LOWEST, _HIGHEST = 1.0, 5.0  # the MOS scale (ITU-T P.800.1)


def report(job: Job, console: Console) -> RenderableType:
    """The job for that console: a panel with the score in large on a terminal, else plain lines."""
    rows = _rows(job)
    if not console.is_terminal or not (console.encoding or "").startswith("utf"):
        return _table([*_plain_headline(job), *rows])
    body = Group(_headline(job), Text(), _table(rows))
    style = "cyan" if job.result else ("red" if job.ended else "yellow")
    return Panel(body, title=_title(job), title_align="left", border_style=style, padding=(1, 3))


def _title(job: Job) -> Text:
    return Text(f"MOS-LQO by {_engine(job)}" if job.result else str(job.state), style="bold")


def _engine(job: Job) -> str:
    name = job.result.engine.name if job.result else job.engine
    return _NAMES.get(name, name)


def _score(result: Result) -> str:
    return "none" if result.mos_lqo is None else f"{result.mos_lqo:.2f}"


def _plain_headline(job: Job) -> list[tuple[str, str]]:
    score = _score(job.result) if job.result else "none" if job.ended else _NOT_YET
    rows = [("MOS-LQO", score), ("state", str(job.state))]
    return [*rows, ("message", job.error.message)] if job.error else rows


def _headline(job: Job) -> RenderableType:
    if job.error:
        return Text(job.error.message, style="bold")
    if not job.result:
        return Text(_NOT_YET, style="bold")
    if job.result.mos_lqo is None:
        return Text("no score: the degraded file holds no signal", style="bold")
    grid = Table.grid(padding=(0, 4), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, vertical="middle")
    grid.add_row(_big(_score(job.result)), _scale(job.result.mos_lqo))
    return grid


def _big(number: str) -> Text:
    lines = (" ".join(_BIG[glyph][line] for glyph in number) for line in range(3))
    return Text("\n".join(lines), style="bold cyan")


def _scale(mos: float) -> RenderableType:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(style="dim")
    grid.add_column(ratio=1)
    grid.add_column(style="dim")
    bar = ProgressBar(total=_HIGHEST - _LOWEST, completed=mos - _LOWEST, complete_style="cyan", finished_style="cyan")
    grid.add_row(f"{_LOWEST:.0f}", bar, f"{_HIGHEST:.0f}")
    return Padding(grid, (1, 0))


def _rows(job: Job) -> list[tuple[str, str]]:
    rows = [("engine", _engine(job)), ("mode", job.mode)]
    if job.result:
        rows = [("engine", f"{_engine(job)} {job.result.engine.version}"), ("mode", job.result.mode)]
    if job.label:
        rows.append(("label", job.label))
    rows.append(("job", job.id))
    if job.error:
        where = f", {job.error.file} file" if job.error.file else ""
        rows.append(("reason", f"{job.error.code} ({job.error.category}{where})"))
    if job.result:
        timings = (f"{stage} {seconds(value / 1000)}" for stage, value in job.result.timings_ms.items())
        rows.append(("took", " · ".join(timings) or "unknown"))
        rows += [("warning", f"{advice.code}: {advice.message}") for advice in job.result.warnings]
    return rows


def _table(rows: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        warning = name == "warning"
        table.add_row(Text(name, style="yellow" if warning else "dim"), Text(value, style="yellow" if warning else ""))
    return table
