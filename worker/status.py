"""The status file: how the worker last said that it is, for commands on the same host."""

from __future__ import annotations

import os
import time
from pathlib import Path

from shared.hosts import TELL_SECONDS, Host, HostState
from worker.pause import PauseFile

FILE = "status.json"
STALE_SECONDS = 3 * TELL_SECONDS

NEXT = {
    HostState.STARTING: (
        "its seats warm up, ViSQOL's for up to a minute; if it stays so: `seat_not_up`, `measuring_not_up` in its log"
    ),
    HostState.READY: "nothing",
    HostState.PAUSED: "`python -m worker resume` ends the pause",
    HostState.LICENCE_LOST: "`python -m worker check` says what changed; it goes on by itself once the licence is back",
    HostState.DISK_FULL: "free space where it works; it goes on by itself",
    HostState.MISCONFIGURED: "its log has `mode_held` or `clock_off` with what to mend; `python -m worker check`",
    HostState.DRAINING: "wait: it ends by itself",
}
HANGS = "its log; systemd restarts one that hangs, else do: systemctl restart mosaic-worker"
START = "systemctl start mosaic-worker, and see its log where it was not stopped on purpose"


class Told(Host):
    """What the file holds: the host, and the process that speaks for it."""

    process: int


class StatusFile:
    """Written by the worker each time it tells of itself; kept in its state directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / FILE

    def write(self, host: Host) -> None:
        """Say how the worker, this process, is; written whole or not at all."""
        self._directory.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(Told(**host.model_dump(), process=os.getpid()).model_dump_json())
        new.replace(self._path)

    def report(self) -> tuple[bool, str]:
        """Whether the worker is there and was heard of lately; what to tell a person, and what that one may do next."""
        try:
            told = Told.model_validate_json(self._path.read_text())
            age = time.time() - self._path.stat().st_mtime  # by this machine's clock, which the host's may not be
        except FileNotFoundError:
            return False, (
                f"No worker has told of itself in {self._directory}. Start one, or set MOSAIC_STATE_DIRECTORY to that"
                " of the one that runs."
            )
        except (OSError, ValueError) as error:
            return False, f"{self._path} cannot be read: {error}. Run this as the worker's user."
        well, state, next_ = _judge(told, age)
        mean = "-" if told.mean_seconds is None else f"{told.mean_seconds:.2f} s"
        lines = [
            f"host     {told.host}, pool {told.pool}",
            f"engine   {told.engine} {told.version}",
            f"state    {state}",
            f"seats    {told.busy} of {told.seats} busy",
            f"mean     {mean} a job",
            f"told     {age:.0f} s ago, by process {told.process}",
        ]
        if pause := PauseFile(self._directory).get():
            next_ = NEXT[HostState.PAUSED] if well else next_  # be it that the worker has not told of it yet
            lines.append(f"paused   {pause.reason}" + ("" if pause.until is None else f", until {_time(pause.until)}"))
        return well, "\n".join([*lines, f"next     {next_}"])


def _judge(told: Told, age: float) -> tuple[bool, str, str]:
    """Whether it is there, its state in words, and the next step."""
    if not _lives(told.process):
        ended = "ended" if told.state is HostState.DRAINING else "dead"
        return False, f"{ended}: there is no process {told.process} any more; it was {told.state}", START
    if age >= STALE_SECONDS:
        return False, f"silent: it hangs, or is gone; it was {told.state}", HANGS
    return True, told.state, NEXT[told.state]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
