"""The status file: how the worker last said that it is, for commands on the same host."""

from __future__ import annotations

import time
from pathlib import Path

from shared.hosts import TELL_SECONDS, Host
from worker.pause import PauseFile

FILE = "status.json"
STALE_SECONDS = 3 * TELL_SECONDS


class StatusFile:
    """Written by the worker each time it tells of itself; kept in its state directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / FILE

    def write(self, host: Host) -> None:
        """Say how the worker is; written whole or not at all."""
        self._directory.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(host.model_dump_json())
        new.replace(self._path)

    def report(self) -> tuple[bool, str]:
        """Whether the worker was heard of lately, and what to tell a person."""
        try:
            host = Host.model_validate_json(self._path.read_text())
            age = time.time() - self._path.stat().st_mtime  # by this machine's clock, which the host's may not be
        except (OSError, ValueError):
            return False, f"No worker has told of itself in {self._directory}."
        mean = "-" if host.mean_seconds is None else f"{host.mean_seconds:.2f} s"
        lines = [
            f"host     {host.host}, pool {host.pool}",
            f"engine   {host.engine} {host.version}",
            f"state    {host.state}",
            f"seats    {host.busy} of {host.seats} busy",
            f"mean     {mean} a job",
            f"told     {age:.0f} s ago" + ("" if age < STALE_SECONDS else ": the worker is gone, or hangs"),
        ]
        if pause := PauseFile(self._directory).get():
            lines.append(f"paused   {pause.reason}" + ("" if pause.until is None else f", until {_time(pause.until)}"))
        return age < STALE_SECONDS, "\n".join(lines)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
