"""Mosaic beside its peers, drawn from what the benches wrote."""

from __future__ import annotations

import json
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.drawing import BLUE, GREY, ORANGE, RED, plot
from bench.peers.aftermath import Aftermath
from bench.peers.faults import JOBS
from bench.peers.line_up import MOSAIC, MOSAIC_AHEAD
from bench.peers.measure import Seen
from bench.peers.place import Kind
from bench.peers.rounds import Rounds
from bench.peers.site import SEATS
from bench.peers.table import values
from bench.peers.workload import WORKLOADS, Workload

OURS = (MOSAIC.name, MOSAIC_AHEAD.name)
ROW_INCHES = 0.34
INK, PALE = "#22272e", "#c9ced6"
A_LINE = 10  # marks
LINE = 0.26  # of a row

Panel = tuple[Workload, Rounds]


@dataclass(frozen=True)
class Mark:
    """What a square stands for, and its colours inside and around."""

    name: str
    inside: str
    around: str


LOST = Mark("a job lost", RED, RED)
TWICE = Mark("a job with two results", ORANGE, ORANGE)
REPEATED = Mark("a job that ran again, one result", PALE, PALE)
HIDDEN = Mark("a message still hidden from all", "white", GREY)
MARKS = (LOST, TWICE, REPEATED, HIDDEN)


def draw_seat_use(figures: Path, file: Path) -> None:
    """How well each uses the seats over short jobs: a dot is the rounds' median, a line their range.

    Nothing is drawn where no round counts.
    """
    panels = _panels(figures)
    if not panels:
        return
    names = by_use(panels)
    title, height = "Seat use over a backlog of jobs of 100 ms", ROW_INCHES * len(names) + 1.6
    with plot(file, columns=len(panels), height=height, title=title) as all_axes:
        for axes, (workload, rounds) in zip(all_axes, panels, strict=True):
            axes.set_title(_conditions(workload), fontsize=9, fontweight="normal")
            axes.set(xlim=(-0.02, 1.33), xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
            for row, name in enumerate(names):
                if name in rounds.kept[0]:
                    _draw_use(axes, row, name, values(rounds, name, lambda seen: seen.use))
                if name in workload.reach:
                    _draw_reach(axes, row, workload.reach[name])
        _name_rows(all_axes, names)
        rounds_each = " or ".join(sorted({str(len(rounds.kept)) for _, rounds in panels}))
        told = f"share of the time in which {SEATS} seats ran jobs; dot: median, line: range of {rounds_each} rounds"
        all_axes[0].figure.supxlabel(told, fontsize=9)


def by_use(panels: Sequence[Panel]) -> list[str]:
    """Who takes part, the best first, by the last workload that each is in: there all do the most alike."""
    last = {name: rounds for _, rounds in panels for name in rounds.kept[0]}
    return sorted(last, key=lambda name: -statistics.median(values(last[name], name, lambda seen: seen.use)))


def draw_faults(figures: Path, file: Path) -> None:
    """What each fault did to each participant: a square for each thing that went wrong, and the seconds it took."""
    faults = json.loads(figures.read_text())["faults"]
    names = list(next(iter(faults.values())))
    title = f"What faults did to {JOBS} jobs, and the seconds until all had a result"
    height = ROW_INCHES * len(names) + 1.6
    with plot(file, columns=len(faults), height=height, title=title) as all_axes:
        for axes, (fault, by_name) in zip(all_axes, faults.items(), strict=True):
            axes.set_title(textwrap.fill(fault, 23), fontsize=9, fontweight="normal")
            axes.set(xlim=(-0.8, A_LINE + 5), xticks=[])
            axes.spines["bottom"].set_visible(False)
            for row, name in enumerate(names):
                seen = _aftermath(**by_name[name])
                _draw_marks(axes, row, marks(seen))
                _draw_seconds(axes, row, name, seen.seconds)
        _name_rows(all_axes, names)
        all_axes[0].figure.legend(
            handles=[_square(mark) for mark in MARKS], loc="outside lower center", ncols=len(MARKS)
        )


def marks(seen: Aftermath) -> list[Mark]:
    """A mark for each job that something happened to, one that ran again and has two results too, and each message."""
    again = max(0, seen.repeated - seen.committed_twice)
    counts = (seen.lost, seen.committed_twice, again, seen.left_invisible)
    return [mark for mark, count in zip(MARKS, counts, strict=True) for _ in range(count)]


def _panels(figures: Path) -> list[Panel]:
    """Of the short jobs' workloads, those of which any round counts."""
    document = json.loads(figures.read_text())["workloads"]
    found = [(workload, _rounds(document[workload.name])) for workload in WORKLOADS if workload.kind is Kind.SLEEP]
    return [(workload, rounds) for workload, rounds in found if rounds.kept]


def _rounds(document: Mapping[str, list[dict[str, dict[str, float]]]]) -> Rounds:
    return Rounds([{name: Seen(**seen) for name, seen in one.items()} for one in document["kept"]])


def _aftermath(*, seconds: float | None, **counts: int) -> Aftermath:
    return Aftermath(**counts, seconds=nan if seconds is None else seconds)


def _conditions(workload: Workload) -> str:
    if not workload.distant:
        return "cloud on the same machine\n"
    return "AWS-like latencies,\n" + ("peers fetch and store files too" if workload.files else "peers without files")


def _draw_use(axes: Axes, row: int, name: str, used: Sequence[float]) -> None:
    colour = BLUE if name in OURS else GREY
    middle = statistics.median(used)
    axes.plot([min(used), max(used)], [row, row], color=colour, linewidth=5, alpha=0.35)
    axes.plot(middle, row, "o", color=colour, markersize=7)
    _write(axes, 1.3, row, name, f"{middle:.2f}")


def _draw_reach(axes: Axes, row: int, least: float) -> None:
    axes.plot([least, least], [row - 0.3, row + 0.3], color=INK, linewidth=1.2)
    axes.text(least - 0.02, row - 0.32, f"to reach {least:g}", color=INK, fontsize=8, ha="right", va="center")


def _draw_marks(axes: Axes, row: int, jobs: Sequence[Mark]) -> None:
    lines = -(-len(jobs) // A_LINE)
    for number, mark in enumerate(jobs):
        line, place = divmod(number, A_LINE)
        axes.add_line(_square(mark, place, row + (line - (lines - 1) / 2) * LINE))


def _draw_seconds(axes: Axes, row: int, name: str, seconds: float) -> None:
    text = "not yet" if isnan(seconds) else f"{seconds:.0f} s"
    _write(axes, A_LINE + 4.7, row, name, text)


def _write(axes: Axes, x: float, row: int, name: str, text: str) -> None:
    """Right-aligned, as Mosaic's name is where it is Mosaic's."""
    colour, weight = (BLUE, "bold") if name in OURS else (INK, "normal")
    white = {"facecolor": "white", "linewidth": 0, "pad": 1}
    axes.text(x, row, text, color=colour, weight=weight, ha="right", va="center", fontsize=9, bbox=white)


def _square(mark: Mark, x: float = 0, y: float = 0) -> Line2D:
    square = Line2D([x], [y], marker="s", markersize=5.5, linestyle="", label=mark.name)
    square.set(markerfacecolor=mark.inside, markeredgecolor=mark.around)
    return square


def _name_rows(all_axes: Sequence[Axes], names: Sequence[str]) -> None:
    """On the left, and nothing else on the y axis; Mosaic's in its colour."""
    for axes in all_axes:
        axes.set(ylim=(len(names) - 0.5, -0.6), yticks=range(len(names)), yticklabels=names)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    for name, label in zip(names, all_axes[0].get_yticklabels(), strict=True):
        if name in OURS:
            label.set(color=BLUE, fontweight="bold")
