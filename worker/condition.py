"""How the host is: whether it may receive, and what it tells of itself to the table, to systemd and to the accounts."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared import logs
from shared.hosts import Host, HostState
from worker.engines.engine import Description, FailureClass
from worker.notify import more_time, status
from worker.watchdog import LIMIT_SECONDS

if TYPE_CHECKING:
    from pydantic import JsonValue

    from worker.accounts import Accounts
    from worker.breaker import Breaker
    from worker.clock import Clock
    from worker.disk import Disk
    from worker.measuring import Measuring
    from worker.pause import Pause, PauseFile
    from worker.seats import Seats
    from worker.settings import WorkerSettings

log = logs.get(__name__)

_OF_CLASS = {FailureClass.LICENCE: HostState.LICENCE_LOST, FailureClass.CONFIG: HostState.MISCONFIGURED}


@dataclass
class Condition:
    """What all its parts together make of the host. `stage` is where the worker's own life stands."""

    told: WorkerSettings
    engine: Description
    pause: PauseFile
    clock: Clock
    disk: Disk
    breaker: Breaker
    seats: Seats
    measuring: Measuring
    accounts: Accounts
    stage: HostState = HostState.STARTING
    _told_pause: Pause | None = None
    _pausing: threading.Lock = field(default_factory=threading.Lock)

    def closed(self) -> HostState | None:
        """Why nothing is received now, if so."""
        if self._paused():
            return HostState.PAUSED
        if self.clock.off():
            return HostState.MISCONFIGURED
        if self.disk.low():
            return HostState.DISK_FULL
        if not self.seats.up:
            return self._all_held() or HostState.STARTING
        if not self.measuring.up:
            return HostState.STARTING
        return _OF_CLASS.get(self.breaker.closed() or FailureClass.TRANSIENT)

    def state(self) -> HostState:
        """In one word, for people: while no mode is well the host is not, be it that a job may try one."""
        if self.stage is not HostState.READY:
            return self.stage
        return self.closed() or self._all_held() or self.stage

    def host(self) -> Host:
        """As the table shall hold it."""
        return Host(
            host=self.told.host,
            pool=self.told.pool,
            engine=self.engine.name,
            version=self.seats.version,
            seats=self.told.seats,
            busy=self.accounts.busy,
            mean_seconds=self.accounts.mean_seconds,
            state=self.state(),
            seen_at=self.clock(),
            paused_until=pause.until if (pause := self._paused()) else None,
        )

    def line(self) -> str:
        """What systemd is told: the state, and while seats warm up, that it shall be patient for as long as we tell."""
        if self.stage is HostState.STARTING:
            return more_time(LIMIT_SECONDS)
        held = ", ".join(self.breaker.all_that_is_held())
        return status(self.state().replace("_", " ") + (f"; held: {held}" if held else ""))

    def readings(self) -> dict[str, JsonValue]:
        """What the accounts tell as it stands."""
        held: list[JsonValue] = [*self.breaker.all_that_is_held()]
        return {
            "state": self.state().value,
            "seats_up": self.seats.up,
            "held": held,
            "modes_held": len(held),
            "free_disk_bytes": self.disk.free_bytes(),
        }

    def _all_held(self) -> HostState | None:
        return _OF_CLASS.get(self.breaker.all_held() or FailureClass.TRANSIENT)

    def _paused(self) -> Pause | None:
        """The pause that is on, if any; a line for each that begins or ends."""
        with self._pausing:
            pause = self.pause.get()
            if pause != self._told_pause:
                self._told_pause = pause
                if pause:
                    log.info("paused", reason=pause.reason, until=pause.until and _instant(pause.until))
                else:
                    log.info("resumed")
        return pause


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
