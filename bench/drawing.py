"""How every plot looks, and how it is kept: the same bytes each time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

mpl.use("agg")  # no screen

# Colours that all people can tell apart: M. Okabe and K. Ito, Color Universal Design, 2008.
BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8f98"
STYLE = Path(__file__).with_name("plots.mplstyle")
NAME_PIXELS = 20  # of a line of a name
POINTS_AN_INCH = 72
SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 0.001}
STEPS = (0.001, 0.01, 0.1, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 86400)


@contextmanager
def plot(file: Path, rows: int = 1, columns: int = 1, height: float = 4.2, title: str = "") -> Iterator[list[Axes]]:
    """So many plots, one below the other, or side by side on one y axis; written to the file in the end.

    All of them have the title in common.
    """
    with mpl.rc_context(fname=STYLE):
        size = (8, height)
        figure, axes = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, sharey="row")
        if title:
            figure.suptitle(title, x=0.01, ha="left")
        try:
            yield list(axes.flat)
            figure.savefig(file, dpi=110, metadata={"Date": None} if file.suffix == ".svg" else {})
        finally:
            pyplot.close(figure)


def name_lines(axes: Axes) -> None:
    """Name each line that has a label at its end, so that no legend is to be matched; no two names touch."""
    lines = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    ends = {line: np.asarray(line.get_xydata())[-1] for line in lines}
    axes.figure.canvas.draw()  # from here on it is known where they are
    heights = {line: float(axes.transData.transform(end)[1]) for line, end in ends.items()}
    taken = -math.inf
    for line in sorted(lines, key=heights.__getitem__):
        half = NAME_PIXELS * (1 + str(line.get_label()).count("\n")) / 2
        middle = max(heights[line], taken + half)
        taken = middle + half
        axes.annotate(
            str(line.get_label()),
            tuple(ends[line]),
            (8, (middle - heights[line]) * POINTS_AN_INCH / axes.figure.dpi),
            textcoords="offset points",
            va="center",
            color=line.get_color(),
            fontsize=9,
            annotation_clip=False,
        )


def duration_ticks(axes: Axes) -> None:
    """Ticks up the y axis that people count time by."""
    low, high = axes.get_ylim()
    axes.set_yticks([step for step in STEPS if low <= step <= high])
    axes.yaxis.set_major_formatter(DURATIONS)
    axes.minorticks_off()


def as_duration(seconds: float, _: object = None) -> str:
    """For a tick."""
    unit, size = next(((unit, size) for unit, size in SECONDS.items() if seconds >= size), ("s", 1.0))
    return f"{seconds / size:g} {unit}"


DURATIONS = FuncFormatter(as_duration)
COUNTS = FuncFormatter(lambda value, _: f"{value:,.0f}")
