"""What a sandbox keeps between two runs: the cloud's contents, the API key, the ports, the logs."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel

from sandbox import cloud, ports
from sandbox.keys import ApiKey, KeyRing, write_private

FIRST_API_PORT = 8080
FIRST_CLOUD_PORT = 4566


class BadState(Exception):
    """The directory cannot be the state of this sandbox."""


class Ports(BaseModel):
    """Where the API and the cloud listen. Kept, because links and settings that were handed out name them."""

    api: int
    cloud: int


@dataclass(frozen=True)
class State:
    """A directory, readable by its owner only."""

    directory: Path

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Own the state, once a cloud that still saves to it is done.

        Raises BadState where another sandbox runs on it, or where it cannot be written.
        """
        with self._lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"Another sandbox runs on {self.directory}. End it, or choose another directory with --state."
                raise BadState(message) from None
            with cloud.hold(self.cloud):
                pass
            self._put_old_logs_aside()
            yield

    @property
    def cloud(self) -> Path:
        """What the cloud holds."""
        return self.directory / "cloud"

    @property
    def work(self) -> Path:
        """The worker's job directories."""
        return self.directory / "work"

    @property
    def worker(self) -> Path:
        """What the worker keeps: its pause, its status."""
        return self.directory / "worker"

    @property
    def logs(self) -> Path:
        """A log file a part."""
        return self.directory / "logs"

    @property
    def keys(self) -> Path:
        """The gateway's keys and their ids."""
        return self.directory / "gateway-keys.json"

    def api_key(self) -> ApiKey:
        """The sandbox's own key, made at the first call."""
        ring = KeyRing(self.keys)
        if self._own_key.exists():
            value = self._own_key.read_text().strip()
            if key_id := ring.id_of(value):
                return ApiKey(key_id, value)
        key = ring.add()
        write_private(self._own_key, key.value + "\n")
        return key

    def choose_ports(self, api: int | None = None, cloud: int | None = None) -> Ports:
        """The given ports, else those of the last run, else others that are free. Raises ports.PortTaken."""
        path = self.directory / "ports.json"
        last = Ports(api=FIRST_API_PORT, cloud=FIRST_CLOUD_PORT)
        with suppress(FileNotFoundError, ValueError):
            last = Ports.model_validate_json(path.read_text())
        api_port = ports.choose(api, last.api, but_not=cloud)
        chosen = Ports(api=api_port, cloud=ports.choose(cloud, last.cloud, but_not=api_port))
        path.write_text(chosen.model_dump_json())
        return chosen

    def forget(self) -> None:
        """Start anew: of all that is kept, only the ports stay."""
        for path in (self.cloud, self.work, self.worker, self.logs):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.keys, self._own_key):
            path.unlink(missing_ok=True)
        self.logs.mkdir()

    def _lock(self) -> TextIO:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.directory.chmod(0o700)
            return (self.directory / "lock").open("w")
        except OSError as error:
            raise BadState(f"{self.directory} cannot be written: {error.strerror}. Choose another --state.") from None

    @property
    def _own_key(self) -> Path:
        return self.directory / "api-key"

    def _put_old_logs_aside(self) -> None:
        self.logs.mkdir(exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))
