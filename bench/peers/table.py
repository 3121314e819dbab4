"""All participants side by side, for people."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.machine import Machine
from bench.peers.environment import Told
from bench.peers.line_up import MOSAIC, PEERS
from bench.peers.measure import Seen
from bench.peers.rounds import Rounds
from bench.peers.site import SEATS
from bench.peers.workload import Workload
from bench.report import machine
from shared.resources import VISIBILITY

WIDTH = 110  # also where nobody looks: a table in a file is not to be broken

AHEAD = "Mosaic's seat use to the best peer's"

COLUMNS = ("seat use", "range", "ratio", "reach", "work", "gap p50", "p95", "waiting", "most")
MEANING = (
    "seat use: the share of the time in which jobs ran; ratio: to Mosaic's; work: what was done, of what the engine "
    "alone did around it; gap: ms between jobs on a seat; waiting: received and not begun, on average and at most"
)


def show(workload: Workload, rounds: Rounds) -> None:
    """Print a table: medians over the rounds, and of the seat use also the range and the ratio to Mosaic's."""
    table = Table(title=workload.name, title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    if rounds.kept:
        ours = median(rounds, MOSAIC.name, lambda seen: seen.use)
        for participant in workload.participants:
            table.add_row(participant.name, *_row(rounds, participant.name, ours, workload.reach.get(participant.name)))
    Console(width=WIDTH).print("", table, Text(_counted(rounds) + _ahead(workload, rounds), style="dim"), sep="\n")


def show_settings(told: Mapping[str, Told]) -> None:
    """Print what each peer is, and how it is set."""
    for name, peer in told.items():
        packages = ", ".join(f"{package} {version}" for package, version in peer["packages"].items())
        settings = ", ".join(f"{setting}={value}" for setting, value in peer["settings"].items())
        Console(width=WIDTH).print(Text(f"{name}: {packages}"), Text(f"  {settings}", style="dim"), sep="\n")


def show_meaning(looked: Machine) -> None:
    """Print what the columns mean, and what was measured on."""
    others = ", ".join(f"{figure.name}: {value:.2f}" for figure, value in looked.figures().items())
    told = f"{MEANING}\n{SEATS} seats, visibility {VISIBILITY} s; {machine()}; {others}"
    Console(width=WIDTH).print("", Text(told, style="dim"), sep="\n")


def ahead(workload: Workload, rounds: Rounds) -> list[float]:
    """Mosaic's seat use to that of the peer that used its seats best, by round."""
    peers = [participant.name for participant in workload.participants if participant in PEERS]
    return [seen[MOSAIC.name].use / max(seen[name].use for name in peers) for seen in rounds.kept]


def median(rounds: Rounds, name: str, figure: Callable[[Seen], float]) -> float:
    """Of a figure of one participant, over the rounds that have it; nan where none has."""
    return statistics.median([value for value in values(rounds, name, figure) if not isnan(value)] or [nan])


def values(rounds: Rounds, name: str, figure: Callable[[Seen], float]) -> list[float]:
    """A figure of one participant, by round."""
    return [figure(seen[name]) for seen in rounds.kept]


def _counted(rounds: Rounds) -> str:
    told = f"rounds: {len(rounds.kept)}"
    if rounds.dropped:
        told += f"; {rounds.dropped} dropped, where the engine alone did not do the same before and after"
    return told


def _ahead(workload: Workload, rounds: Rounds) -> str:
    found = ahead(workload, rounds)
    if not found:
        return ""
    return f"; {AHEAD}: {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def _row(rounds: Rounds, name: str, ours: float, least: float | None) -> Sequence[str | Text]:
    used = values(rounds, name, lambda seen: seen.use)
    work = [done / bare for done, bare in zip(values(rounds, name, lambda seen: seen.work), rounds.bare, strict=True)]
    use = statistics.median(used)
    return [
        Text(f"{use:.3f}", style="bold"),
        f"{min(used):.3f} to {max(used):.3f}",
        f"{use / ours:.2f}",
        _to_reach(use, least),
        f"{statistics.median(work):.3f}",
        f"{median(rounds, name, lambda seen: seen.gap_p50) * 1000:.1f}",
        f"{median(rounds, name, lambda seen: seen.gap_p95) * 1000:.1f}",
        f"{median(rounds, name, lambda seen: seen.waiting):.1f}",
        f"{max(values(rounds, name, lambda seen: seen.waiting_most)):.0f}",
    ]


def _to_reach(use: float, least: float | None) -> Text:
    if least is None:
        return Text("")
    met = use >= least
    return Text(f"≥ {least:g} {'✓' if met else '✗'}", style="green" if met else "bold red")
