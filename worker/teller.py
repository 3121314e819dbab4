"""Tells every 15 s how this host is: systemd, who asks here, and the table, by which the API knows of its seats."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared import logs
from shared.hosts import TELL_SECONDS, Host, Hosts
from worker import credentials
from worker.notify import notify
from worker.reminders import Reminders
from worker.status import StatusFile
from worker.watchdog import Watchdog

LOOP = "teller"

log = logs.get(__name__)


class Teller:
    """Tells on a thread of its own, at once where told to. Failing is logged now and then, and the next one follows."""

    def __init__(
        self,
        *,
        hosts: Hosts,
        status: StatusFile,
        watchdog: Watchdog,
        describe: Callable[[], Host],
        line: Callable[[], str],
    ) -> None:
        """`line` is what systemd is told, see `worker.notify`."""
        self._tells: tuple[Callable[[], None], ...] = (
            lambda: notify(line()),
            lambda: status.write(describe()),
            lambda: hosts.tell(describe()),
        )
        self._watchdog = watchdog
        self._reminders = Reminders()
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=LOOP)

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
            self._changed.wait(min(TELL_SECONDS, self._watchdog.step_seconds))
            self._changed.clear()
        self._tell()
        self._watchdog.ended(LOOP)

    def _tell(self) -> None:
        self._watchdog.turn(LOOP)
        for tell in self._tells:
            try:
                tell()
            except Exception as error:
                words = f"{type(error).__name__}: {error}"
                if not credentials.tells(error) and self._reminders.due(tell, words):
                    log.warning("host_not_told", error=words)
            else:
                self._reminders.forget(tell)
