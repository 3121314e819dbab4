"""`python -m bench.peer_faults`: what faults cost Mosaic's worker and its peers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import report
from bench.distant_cloud import distant_cloud
from bench.peers import environment
from bench.peers.aftermath import Aftermath
from bench.peers.faults import FAULTS, JOB_SECONDS, JOBS, Fault
from bench.peers.line_up import DRAMATIQ_12_HOURS, MOSAIC, PEERS
from bench.peers.site import SEATS
from bench.peers.table import WIDTH
from bench.report import Figure, Reach
from shared.resources import VISIBILITY

PARTICIPANTS = (MOSAIC, *PEERS, DRAMATIQ_12_HOURS)
COLUMNS = ("lost", "repeated", "committed twice", "left invisible", "recovered, s", "ratio")
NEVER = Reach(most=0, judge=max)

Found = Mapping[str, Aftermath]


def main(json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None) -> None:
    """Let faults happen to all participants, side by side; exit 1 where Mosaic loses, commits twice or leaves a job.

    The messages of all become visible again after as long, but for the last one, whose own default is 12 h: a longer
    time spares long jobs to be repeated, and is how long jobs then wait after a kill.
    """
    environment.ready()
    with TemporaryDirectory(prefix="mosaic-bench-") as name, distant_cloud(Path(name)):
        found = {fault.name: _watch(fault, Path(name, str(number))) for number, fault in enumerate(FAULTS)}
    Console(width=WIDTH).print(
        "", f"[dim]{JOBS} jobs of {JOB_SECONDS} s, {SEATS} seats, visibility {VISIBILITY} s; {report.machine()}[/]"
    )
    figures = _figures([by_name[MOSAIC.name] for by_name in found.values()])
    if json:
        _write(json, found, figures)
    sys.exit(0 if report.reached(figures) else 1)


def _watch(fault: Fault, directory: Path) -> Found:
    """All at once: they mostly wait."""
    sites = {peer.name: peer.site(directory / peer.name, fault.work) for peer in PARTICIPANTS}
    with ThreadPoolExecutor(len(sites)) as threads:
        found = dict(zip(sites, threads.map(fault.watch, sites.values()), strict=True))
    _show(fault.name, found)
    return found


def _show(fault: str, found: Found) -> None:
    table = Table(title=fault, title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    ours = found[MOSAIC.name].seconds
    for name, seen in found.items():
        counts = (seen.lost, seen.repeated, seen.committed_twice, seen.left_invisible)
        took = ("not yet", "") if isnan(seen.seconds) else (f"{seen.seconds:.0f}", f"{seen.seconds / ours:.2f}")
        table.add_row(name, *map(str, counts), *took)
    Console(width=WIDTH).print("", table)


def _write(file: Path, found: Mapping[str, Found], figures: Mapping[Figure, Sequence[float]]) -> None:
    faults = {fault: {name: asdict(seen) for name, seen in by_name.items()} for fault, by_name in found.items()}
    content = {
        "bench": "Faults beside peers",
        "machine": report.machine(),
        "visibility": VISIBILITY,
        "faults": faults,
        "figures": report.documents(figures),
    }
    report.write(file, content)


def _figures(ours: Sequence[Aftermath]) -> dict[Figure, list[float]]:
    """What must not be, fault by fault."""
    return {
        Figure("Mosaic's jobs, by fault: lost", 0, NEVER): [seen.lost for seen in ours],
        Figure("Mosaic's jobs, by fault: committed twice", 0, NEVER): [seen.committed_twice for seen in ours],
        Figure("Mosaic's jobs, by fault: left invisible", 0, NEVER): [seen.left_invisible for seen in ours],
        Figure("Mosaic, by fault: not every job had a result", 0, NEVER): [float(isnan(seen.seconds)) for seen in ours],
    }


if __name__ == "__main__":
    typer.run(main)
