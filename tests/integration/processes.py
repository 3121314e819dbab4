"""Processes and what they started, for tests that must see them all end."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from pathlib import Path


class Family:
    """A process's descendants, as they are now; each is held by a pidfd, so that no other can be taken for it."""

    def __init__(self, pid: int) -> None:
        self.fds: dict[int, int] = {}
        for child in _descendants(pid):
            with suppress(ProcessLookupError):
                self.fds[child] = os.pidfd_open(child)

    def survivors(self, seconds: float) -> list[str]:
        """Wait until all have ended; the command lines of those that have not after so many seconds."""
        deadline = time.monotonic() + seconds
        return [_command(pid) for pid, fd in self.fds.items() if not _ended(fd, deadline)]

    def pid_of(self, *words: str) -> int:
        """The one whose command line has all these words as arguments."""
        (pid,) = [pid for pid in self.fds if set(words) <= set(_command(pid).split())]
        return pid


def _ended(fd: int, deadline: float) -> bool:
    """A pidfd is readable once its process has ended: pidfd_open(2)."""
    readable, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
    return bool(readable)


def _descendants(pid: int) -> list[int]:
    children = [child for child, parent in _parents().items() if parent == pid]
    return children + [grandchild for child in children for grandchild in _descendants(child)]


def _parents() -> dict[int, int]:
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # After the name, which is in brackets and may hold anything: proc(5).
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    return parents


def _command(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    return f"process {pid}"
