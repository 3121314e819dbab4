"""`python -m bench.results`: the benches one after the other, and the page of what they printed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from sandbox.children import ROOT

PLACE = ROOT / "bench" / "results"  # of each bench what it printed, as text, and its figures as JSON
PAGE = ROOT / "bench" / "results.md"

# In the order of the page. All but the last are run where none is named: that one takes two hours.
BENCHES = (
    *("seat_use", "peers", "peer_faults", "visqol_pairs", "memory", "idle"),
    *("api_import", "batch", "two_tenants", "validation", "headline"),
)
PACKAGES = ("boto3", "botocore", "ministack", "visqol-python", "numpy", "aws-lambda-powertools", "pydantic")
GIGABYTE = 10**9
WIDTH = "140"

INTRODUCTION = """# Results

What the benches printed, each with the command that repeats it; `make bench` runs all but the last in one go. Other
work on the machine lowers every figure: what others used meanwhile stands below each table. Where a number to reach is
marked ✗, it was not reached.
"""


def main(
    benches: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(BENCHES)}; all but the last.")] = None,
) -> None:
    """Run benches, on a machine that does nothing else, and write the page anew; exit 1 where a number is missed."""
    PLACE.mkdir(exist_ok=True)
    missed = [bench for bench in benches or BENCHES[:-1] if not _run(bench)]
    PAGE.write_text(_page())
    Console().print(f"{PAGE.relative_to(ROOT)} is written." + f" Not reached: {', '.join(missed)}" * bool(missed))
    sys.exit(1 if missed else 0)


def _run(bench: str) -> bool:
    """Whether it reached its numbers. What it prints is kept, also where it did not."""
    Console().rule(bench, align="left")
    ended = subprocess.run(  # noqa: S603 - this interpreter and a module of ours
        [sys.executable, "-m", f"bench.{bench}", "--json", str(PLACE / f"{bench}.json")],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    Console().print(ended.stdout, markup=False, highlight=False)
    lines = [line.rstrip() for line in ended.stdout.strip("\n").splitlines()]
    (PLACE / f"{bench}.txt").write_text("\n".join([_machine(), *lines, ""]))
    return ended.returncode == 0


def _page() -> str:
    return "\n".join([INTRODUCTION, *(_section(bench) for bench in BENCHES if (PLACE / f"{bench}.txt").exists())])


def _section(bench: str) -> str:
    machine, *lines = (PLACE / f"{bench}.txt").read_text().splitlines()
    printed = "\n".join(lines).strip("\n")
    return f"## {_about(bench)}\n\n`python -m bench.{bench}`, {machine}\n\n```\n{printed}\n```\n"


def _about(bench: str) -> str:
    """The first line of its module's documentation, without the command."""
    said = str(import_module(f"bench.{bench}").__doc__).splitlines()[0]
    said = said.partition("`: ")[2] or said
    return said[0].upper() + said[1:].rstrip(".")


def _machine() -> str:
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    memory = psutil.virtual_memory().total / GIGABYTE
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, on {_cpu_model()} with {os.cpu_count()} CPUs, {memory:.0f} GB, "
        f"{platform.system()}, Python {platform.python_version()}; {versions}"
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    typer.run(main)
