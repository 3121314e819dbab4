"""`python -m tests.soak`: a soak on an embedded cloud of its own; exit code 1 where a promise was broken.

The seed decides jobs, faults and their order; when exactly each strikes, the machine does.

A worker that dies, or stands still, keeps its jobs for the minute and a half that its claims and messages last. A soak
does not wait for that: the moment such a worker can do nothing, its claims in the table are aged by as much, and its
messages are shown. Everything else takes the time that it takes.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tests.cloud import running
from tests.soak import report
from tests.soak.run import soak

INTERRUPTED = 143  # as a shell tells of a process that SIGTERM ended


def main() -> int:
    """Run it; the exit code."""
    told = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(INTERRUPTED))  # so that workers and cloud end too
    console, began = Console(), time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="mosaic-soak-"))
    (directory / "cloud").mkdir()
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")

    def tell(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:7.1f} s[/]  {escape(what)}", highlight=False, soft_wrap=True)

    with running(directory / "cloud") as cloud:
        verdict = soak(cloud, directory, told.jobs, told.seed, tell)
    report.show(verdict, console)
    if verdict.kept:
        shutil.rmtree(directory)
        return 0
    console.print(f"Again: python -m tests.soak --jobs {told.jobs} --seed {told.seed}\nThe workers' logs: {directory}")
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Many small jobs amid random faults.")
    parser.add_argument("--jobs", type=int, default=2000, help="how many (2000)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what repeats a soak (random)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
