"""`python -m bench.page`: bench/results.md and its plots, made anew from what the benches left when they last ran."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import typer

from bench.peers.plots import draw_faults, draw_seat_use
from sandbox.children import ROOT

PLACE = ROOT / "bench" / "results"  # of each bench what it printed, as text, and its figures as JSON
PAGE = ROOT / "bench" / "results.md"

# In the order of the page.
BENCHES = (
    *("seat_use", "peers", "peer_faults", "visqol_pairs", "memory", "idle"),
    *("api_import", "submission", "batch", "two_tenants", "validation", "headline"),
)
PLOTS: Mapping[str, Callable[[Path, Path], None]] = {"peers": draw_seat_use, "peer_faults": draw_faults}

NO_BREAK = "\N{NO-BREAK SPACE}"

INTRODUCTION = """# Results

What the benches printed, each with the command that repeats it, from this project's folder after `make setup`, with
`.venv/bin/python` as `python`. `make bench` runs all but `headline` in one go. Other work on the machine lowers every
figure of speed: what others used meanwhile stands with these.

## What is to be reached

Every number of which something is asked, and what was seen: the median over the rounds, and their range where it is not
one value. Where each round counts, it says "each"; of `peer_faults` these are the faults. ✗ marks what was not reached.

| bench | number | median | range | to reach | |
|---|---|--:|--:|--:|---|
"""


def write(place: Path = PLACE, page: Path = PAGE) -> None:
    """Draw the plots, and write the page of every bench that printed something."""
    printed = [bench for bench in BENCHES if (place / f"{bench}.txt").exists()]
    _draw(place)
    rows = [row for bench in printed for row in _rows(bench, place / f"{bench}.json")]
    page.write_text(INTRODUCTION + "\n".join([*rows, "", *(_section(bench, place) for bench in printed)]))


def _draw(place: Path) -> None:
    for bench, draw in PLOTS.items():
        (place / f"{bench}.svg").unlink(missing_ok=True)
        if (place / f"{bench}.json").exists():
            draw(place / f"{bench}.json", place / f"{bench}.svg")


def _rows(bench: str, file: Path) -> Iterator[str]:
    """Of the summary: each figure of which something is asked."""
    link = f"[{bench}](#{bench})"
    if not file.exists():
        yield f"| {link} | it did not end | | | | ✗ |"
        return
    for name, figure in json.loads(file.read_text())["figures"].items():
        if figure["reach"]:
            middle, spread = _seen([value for value in figure["rounds"] if value is not None], figure["digits"])
            yield f"| {link} | {name} | {middle} | {spread} | {figure['reach']} | {'✓' if figure['reached'] else '✗'} |"


def _seen(values: list[float], digits: int) -> tuple[str, str]:
    """Median and range, as text."""
    if not values:
        return "no round counts", ""
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"**{middle}**", f"{low}{NO_BREAK}to{NO_BREAK}{high}" if low != high else ""


def _section(bench: str, place: Path) -> str:
    machine, *lines = (place / f"{bench}.txt").read_text().splitlines()
    about, printed = _about(bench), "\n".join(lines).strip("\n")
    plot = f"![{about}]({place.name}/{bench}.svg)\n\n" if (place / f"{bench}.svg").exists() else ""
    return f'<a id="{bench}"></a>\n## {about}\n\n`python -m bench.{bench}`, {machine}\n\n{plot}```\n{printed}\n```\n'


def _about(bench: str) -> str:
    """The first line of its module's documentation, without the command."""
    said = str(import_module(f"bench.{bench}").__doc__).splitlines()[0]
    said = said.partition("`: ")[2] or said
    return said[0].upper() + said[1:].rstrip(".")


def main() -> None:
    """Write bench/results.md and its plots anew from what is in bench/results; nothing is measured."""
    write()


if __name__ == "__main__":
    typer.run(main)
