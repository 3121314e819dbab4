"""`python -m tests.fuzz`: at least 2,000 requests to a sandbox of its own, from a seed that it prints."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.fuzz import run
from tests.integration.test_sandbox import sandbox

LEAST = 2000


def main() -> int:
    """The exit code: 0 where every check held, and there were enough requests."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--examples", type=int, default=75, help="of each call and phase, at most; by default 75")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory, sandbox(Path(directory) / "state") as running:
        running.until("Ready.")
        url, key = running.told()
        outcome = run.fuzz(url, key, Path(directory), given.examples, given.seed)
        running.process.terminate()
        running.ended()
    print(outcome.printed)
    print(f"{outcome.cases} requests, seed {given.seed}")
    return outcome.code or int(outcome.cases < LEAST)


if __name__ == "__main__":
    sys.exit(main())
