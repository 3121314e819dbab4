"""Tells every 15 s how this host is: the table, so that the API knows the seats there are, and who asks here."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared import logs
from shared.hosts import TELL_SECONDS, Host, Hosts
from worker.status import StatusFile

log = logs.get(__name__)


class Teller:
    """Writes host item and status file on a thread of its own; failing is logged, and the next one follows."""

    def __init__(self, hosts: Hosts, status: StatusFile, describe: Callable[[], Host]) -> None:
        self._hosts = hosts
        self._status = status
        self._describe = describe
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller")

    def start(self) -> None:
        """Begin to tell; returns at once."""
        self._thread.start()

    def tell_now(self) -> None:
        """Tell out of turn that something changed."""
        self._changed.set()

    def stop(self) -> None:
        """Tell a last time, and end."""
        self._stopping.set()
        self._changed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._tell()
            self._changed.wait(TELL_SECONDS)
            self._changed.clear()
        self._tell()

    def _tell(self) -> None:
        for tell in (self._status.write, self._hosts.tell):
            try:
                tell(self._describe())
            except Exception as error:
                log.warning("host_not_told", error=f"{type(error).__name__}: {error}")
