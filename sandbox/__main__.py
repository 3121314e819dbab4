"""`python -m sandbox`: the whole service on this machine, kept running until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console

from sandbox import api_page, cloud
from sandbox.children import ROOT, ChildDied
from sandbox.parts import ENGINE, Setup
from sandbox.ports import PortTaken
from sandbox.screen import Screen
from sandbox.state import BadState, State
from sandbox.supervisor import Sandbox, end_on_signals

PART_DIED, CANNOT_START = 1, 2

_INVITATION = """
Ready. In another terminal, with the two lines above:

  .venv/bin/mosaic score examples/female_16k.wav examples/female_16k_opus_10.wav

Ctrl-C ends it."""


def main(engine: str = ENGINE) -> int:
    """The exit code: 0 when told to end, 1 when a part died, 2 when it cannot start."""
    given = _arguments()
    state = State(given.state.resolve())
    try:
        with state.hold():
            setup = Setup(state, state.choose_ports(given.port, given.cloud_port), given.seats, engine)
            cloud.redirect(os.environ, setup.ports.cloud)
            return asyncio.run(_keep(setup, Screen(Console())))
    except (BadState, PortTaken) as error:
        print(f"mosaic sandbox: {error}", file=sys.stderr)
        return CANNOT_START


async def _keep(setup: Setup, screen: Screen) -> int:
    end_on_signals()
    try:
        screen.heading("Mosaic sandbox", "the whole service on this machine, reachable from it alone")
        screen.line(f"  export MOSAIC_URL={setup.url}\n  export MOSAIC_API_KEY={setup.state.api_key().value}\n")
        screen.line(f"  The API, for a browser: {setup.url}{api_page.PATH}\n  Logs: {setup.state.logs}\n")
        async with Sandbox(setup, screen) as sandbox:
            await sandbox.worker_ready()
            screen.line(_INVITATION)
            raise await sandbox.death()
    except asyncio.CancelledError:
        screen.line("Ended. Its state is kept.")
        return 0
    except ChildDied:
        return PART_DIED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="mosaic sandbox", description="The whole service on this machine: embedded cloud, API and worker."
    )
    parser.add_argument("--port", type=_port, help="of the API; by default that of the last run, or a free one")
    parser.add_argument("--cloud-port", type=_port, help="of the embedded cloud; by default likewise")
    parser.add_argument(
        "--state",
        type=Path,
        default=ROOT / ".sandbox",
        metavar="DIR",
        help="where everything is kept from run to run; by default .sandbox in the checkout",
    )
    parser.add_argument("--seats", type=_seats, help="how many jobs are scored at once; by default one a CPU")
    return parser.parse_args()


def _port(text: str) -> int:
    return _whole(text, 1, 65535)


def _seats(text: str) -> int:
    return _whole(text, 1, 64)


def _whole(text: str, least: int, most: int) -> int:
    if text.isdecimal() and least <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")


if __name__ == "__main__":
    sys.exit(main())
