"""Tells the table every 15 s how this host is, so that the API knows the seats there are."""

from __future__ import annotations

import threading
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from shared import logs
from shared.hosts import TELL_SECONDS, Host, Hosts

log = logs.get(__name__)


class Teller:
    """Writes the host item on a thread of its own; failing is logged, and the next one follows."""

    def __init__(self, hosts: Hosts, describe: Callable[[], Host]) -> None:
        self._hosts = hosts
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
        try:
            self._hosts.tell(self._describe())
        except (BotoCoreError, ClientError) as error:
            log.warning("host_not_told", error=str(error))
