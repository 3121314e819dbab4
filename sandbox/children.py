"""Child processes: each with a log file of its own, telling by itself when it is ready, and never outliving us."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox.readiness import READY, VARIABLE, Listener, status_in
from worker.processes import die_with_parent, exit_cause

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Command:
    """What to run, and where its output goes.

    A command that `saves_itself` watches its standard input and ends in its own time once that ends, with us; every
    other one the kernel kills the moment that we are gone.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    saves_itself: bool = False


class ChildDied(Exception):
    """A child ended by itself. `code` is its return code as Popen gives it."""

    def __init__(self, command: Command, code: int) -> None:
        super().__init__(command, code)
        self.name = command.name
        self.code = code
        self.log = command.log

    def __str__(self) -> str:
        return f"the {self.name} died ({exit_cause(self.code)}); its log says why: {self.log}"


class Child:
    """One process, in a session of its own, so that a terminal's Ctrl-C is ours alone to pass on."""

    def __init__(
        self, command: Command, process: Process, listener: Listener, on_status: Callable[[str], None]
    ) -> None:
        self.command = command
        self._process = process
        self._listener = listener
        self._on_status = on_status
        self._ready = asyncio.Event()
        asyncio.get_running_loop().add_reader(listener.socket, self._hear)

    @classmethod
    async def start(cls, command: Command, on_status: Callable[[str], None] = lambda _: None) -> Child:
        """Run a command. `on_status` is called with each status line that it tells."""
        listener = Listener()
        with command.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command.arguments,
                env={**command.environment, VARIABLE: listener.address},
                cwd=ROOT,
                stdin=PIPE if command.saves_itself else DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
                preexec_fn=None if command.saves_itself else partial(die_with_parent, os.getpid()),
            )
        return cls(command, process, listener, on_status)

    async def ready(self) -> None:
        """Wait until it tells that it is ready. Raises ChildDied where it ends before."""
        died, ready = asyncio.ensure_future(self.died()), asyncio.ensure_future(self._ready.wait())
        try:
            await asyncio.wait({died, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise died.result()
        finally:
            died.cancel()
            ready.cancel()

    async def died(self) -> ChildDied:
        """Wait until it ends; how it did."""
        return ChildDied(self.command, await self._process.wait())

    async def stop(self, patience: float) -> None:
        """End it by SIGTERM, or by SIGKILL once `patience` seconds are over or the caller is cancelled."""
        try:
            with suppress(TimeoutError, ProcessLookupError):
                self._process.terminate()
                await asyncio.wait_for(self._process.wait(), patience)
        finally:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            asyncio.get_running_loop().remove_reader(self._listener.socket)
            self._listener.close()

    def _hear(self) -> None:
        lines = self._listener.receive()
        status = status_in(lines)
        if status:
            self._on_status(status)
        if READY in lines:
            self._ready.set()
