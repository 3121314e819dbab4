"""`python -m bench.peers`: how well Mosaic's worker and its peers use the same two seats."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from bench import report
from bench.distant_cloud import distant_cloud
from bench.latency import AWS_LIKE
from bench.machine import Machine
from bench.peers import command, environment, table
from bench.peers.environment import Told
from bench.peers.line_up import BARE, PEERS, Participant
from bench.peers.measure import Seen, measure
from bench.peers.rounds import Rounds, with_round
from bench.peers.site import SEATS
from bench.peers.workload import WORKLOADS, Workload
from bench.report import Figure, Reach
from shared.resources import VISIBILITY

Found = dict[str, Rounds]


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="That each participant is looked at, in each round.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Write every round's figures there too.")] = None,
) -> None:
    """Let each participant work off backlogs on two seats, in turn; exit 1 where Mosaic does not reach its numbers.

    What runs on a seat is the same for all. Beside it Mosaic's worker claims each job in the table, fetches and
    measures two files of sound, and stores and commits a result; its peers only receive and delete a message, but where
    it is said that they fetch and store too.
    """
    environment.ready()
    told = {peer.name: _told(peer) for peer in PEERS}
    table.show_settings(told)
    looked = Machine()
    with TemporaryDirectory(prefix="mosaic-bench-") as name, distant_cloud(Path(name)):
        found = _measure(Path(name), rounds, seconds)
    figures = _figures(found)
    if json:
        _write(json, found, told, figures)
    for workload in WORKLOADS:
        table.show(workload, found[workload.name])
    table.show_meaning(looked)
    sys.exit(0 if report.reached(figures) else 1)


def _measure(directory: Path, rounds: int, seconds: float) -> Found:
    found: Found = {workload.name: Rounds() for workload in WORKLOADS}
    for number in range(rounds):
        for workload in WORKLOADS:
            place = directory / f"{number}-{workload.name}"
            turn = _turned(workload.participants, number)
            before = _seen(BARE, workload, place / "before", seconds)
            seen = {participant.name: _seen(participant, workload, place, seconds) for participant in turn}
            after = _seen(BARE, workload, place / "after", seconds)
            found[workload.name] = with_round(found[workload.name], before, seen, after)
    return found


def _turned(participants: tuple[Participant, ...], number: int) -> tuple[Participant, ...]:
    """Each round begins with another one."""
    first = number % len(participants)
    return participants[first:] + participants[:first]


def _seen(participant: Participant, workload: Workload, directory: Path, seconds: float) -> Seen:
    seen = measure(participant, workload, directory / participant.name, seconds)
    Console(stderr=True).print(f"[dim]{workload.name}: {participant.name} {seen.use:.3f}[/]")
    return seen


def _told(peer: Participant) -> Told:
    said = {**os.environ, "AWS_DEFAULT_REGION": "none", command.QUEUE: "none", **peer.variables}
    return environment.told(peer.module, said)


def _write(file: Path, found: Found, told: dict[str, Told], figures: Mapping[Figure, Sequence[float]]) -> None:
    content = {
        "bench": "Seat use beside peers",
        "machine": report.machine(),
        "seats": SEATS,
        "visibility": VISIBILITY,
        "latencies": {service: asdict(latency) for service, latency in AWS_LIKE.items()},
        "peers": told,
        "workloads": {name: asdict(rounds) for name, rounds in found.items()},
        "figures": report.documents(figures),
    }
    report.write(file, content)


def _figures(found: Found) -> dict[Figure, list[float]]:
    """The seat use of those of whom some is asked, and Mosaic's to the best peer's where all do the same; by round."""
    used = {
        Figure(f"seat use, {workload.name}: {name}", 3, Reach(least)): table.values(
            found[workload.name], name, lambda seen: seen.use
        )
        for workload in WORKLOADS
        for name, least in workload.reach.items()
    }
    ahead = {
        Figure(f"{table.AHEAD}, {workload.name}", 2, Reach(1)): table.ahead(workload, found[workload.name])
        for workload in WORKLOADS
        if workload.files
    }
    return used | ahead


if __name__ == "__main__":
    typer.run(main)
