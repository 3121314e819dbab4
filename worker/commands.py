"""What an operator says on the worker's host.

`pause`, `resume` and `status` work by files in the worker's state directory; `check` and `unit` ask its engine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from shared import settings
from worker import check, drop_in
from worker.pause import LATEST, Pause, PauseFile
from worker.status import StatusFile

NOT_WELL, BAD_SETTINGS = 1, 2

COMMANDS = {
    "pause": "finish what runs, receive nothing; outlives restarts",
    "resume": "receive again",
    "status": "how the worker last said that it is",
    "check": "try the engine and its licence on this machine, and say what has changed",
    "unit": "print what the engine needs of the worker's systemd unit",
}


class CommandSettings(BaseModel):
    """What the commands are told by their environment: where the worker keeps its state."""

    state_directory: Path


def main(arguments: Sequence[str]) -> int:
    """Do as told; the exit code: 0, 1 for what is not well or was not kept, 2 for wrong usage or settings."""
    if arguments and arguments[0] == "check":  # which has options of its own
        return check.main(arguments[1:])
    given = _parser().parse_args(arguments)
    return drop_in.main() if given.command == "unit" else _speak(given)


def _speak(given: argparse.Namespace) -> int:
    """To the worker that runs here."""
    try:
        directory = settings.read(CommandSettings, os.environ).state_directory
    except settings.BadSettings as error:
        print(error, file=sys.stderr)
        return BAD_SETTINGS
    if given.command == "pause":
        return _pause(directory, Pause(reason=given.reason, until=given.until))
    if given.command == "resume":
        return _resume(directory)
    well, report = StatusFile(directory).report()
    print(report)
    return 0 if well else NOT_WELL


def _pause(directory: Path, pause: Pause) -> int:
    if not directory.is_dir():  # a worker makes its own: one that is not there is no worker's
        print(f"Not paused: there is no {directory}. Set MOSAIC_STATE_DIRECTORY to the worker's.", file=sys.stderr)
        return NOT_WELL
    try:
        PauseFile(directory).set(pause)
    except OSError as error:  # as on a full disk: what was said before still holds
        print(f"Not paused, for that cannot be written: {error}. Mend it, and pause again.", file=sys.stderr)
        return NOT_WELL
    print("Paused: what runs is finished, nothing new is received. `resume` ends it.")
    return 0


def _resume(directory: Path) -> int:
    file = PauseFile(directory)
    paused = file.get()
    try:
        file.clear()
    except OSError as error:
        print(f"Still paused, for the pause cannot be removed: {error}. Mend it, and resume again.", file=sys.stderr)
        return NOT_WELL
    print("Resumed: it receives again within seconds." if paused else f"There is no pause in {directory}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker", description="Without a command the worker itself runs until SIGTERM or SIGINT."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    parsers = {name: commands.add_parser(name, help=says, description=says) for name, says in COMMANDS.items()}
    pause = parsers["pause"]
    pause.add_argument("--reason", required=True, type=_reason, help="for whoever finds the worker paused")
    pause.add_argument("--until", type=_instant, help="when to go on by itself: ISO 8601, UTC where no zone is given")
    return parser


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say why, for whoever finds the worker paused")
    return text.strip()


def _instant(text: str) -> float:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time, such as 2026-11-23T06:00") from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    if instant <= datetime.now(UTC):
        raise argparse.ArgumentTypeError(f"{text} is over")
    if instant.timestamp() > LATEST:
        raise argparse.ArgumentTypeError(f"{text} is after the year 9999; leave --until out to pause until you resume")
    return instant.timestamp()
