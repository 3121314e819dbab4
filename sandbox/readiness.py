"""Readiness of processes, told as to systemd: datagrams to the socket that NOTIFY_SOCKET names (sd_notify(3)).

`STATUS=` is a line for people, `READY=1` says that start-up is done. `worker.notify` is the telling end.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

VARIABLE = "NOTIFY_SOCKET"
READY = "READY=1"
_STATUS = "STATUS="
_DATAGRAM_BYTES = 4096


class Listener:
    """The listening end for one process. `address` is what its NOTIFY_SOCKET must be."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self._directory: str | None = None
        if sys.platform == "linux":  # an abstract socket leaves nothing behind, however we end: unix(7)
            self.address = f"@mosaic-{secrets.token_hex(8)}"
            self.socket.bind(self.address.replace("@", "\0"))
        else:
            self._directory = tempfile.mkdtemp(prefix="mosaic-")
            self.address = str(Path(self._directory, "notify"))
            self.socket.bind(self.address)

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)

    def wait_ready(self, seconds: float) -> None:
        """Block until the process is ready. Raises TimeoutError where it says nothing for that many seconds."""
        self.socket.settimeout(seconds)
        while READY not in self.receive():
            pass

    def receive(self) -> list[str]:
        """The lines of the next datagram."""
        return self.socket.recv(_DATAGRAM_BYTES).decode(errors="replace").splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def status_in(lines: list[str]) -> str | None:
    """The status that a datagram tells, if any."""
    told = [line.removeprefix(_STATUS) for line in lines if line.startswith(_STATUS)]
    return told[-1] if told else None
