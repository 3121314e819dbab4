"""`python -m bench.results`: the benches one after the other, and the page of what they printed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from bench import page
from bench.page import BENCHES, PAGE, PLACE
from sandbox.children import ROOT

PACKAGES = ("boto3", "botocore", "ministack", "visqol-python", "numpy", "aws-lambda-powertools", "pydantic")
GIGABYTE = 10**9
WIDTH = "140"
RUN = BENCHES[:-1]  # where none is named: the last one takes two hours


def main(
    benches: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(BENCHES)}; all but the last.")] = None,
) -> None:
    """Run benches, on a machine that does nothing else, and write the page anew; exit 1 where a number is missed."""
    if unknown := set(benches or ()) - set(BENCHES):
        raise typer.BadParameter(f"the page has no section of {', '.join(sorted(unknown))}", param_hint="benches")
    PLACE.mkdir(exist_ok=True)
    missed = [bench for bench in benches or RUN if not _run(bench)]
    page.write()
    Console().print(f"{PAGE.relative_to(ROOT)} is written." + f" Not reached: {', '.join(missed)}" * bool(missed))
    sys.exit(1 if missed else 0)


def _run(bench: str) -> bool:
    """Whether it reached its numbers. What it prints is kept, also where it did not."""
    Console().rule(bench, align="left")
    figures = PLACE / f"{bench}.json"
    figures.unlink(missing_ok=True)  # else a bench that fails would seem to have found what it found before
    ended = subprocess.run(  # noqa: S603 - this interpreter and a module of ours
        [sys.executable, "-m", f"bench.{bench}", "--json", str(figures)],
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
