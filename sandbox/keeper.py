"""Keeps the worker running, as systemd does on a licensed host (`Restart=always`, exit 2 excepted)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sandbox.children import Child, ChildDied, Command
from sandbox.screen import Screen

FIRST_PAUSE_SECONDS = 1.0  # before it is started again; doubled each time until it is ready
LONGEST_PAUSE_SECONDS = 30.0
BAD_SETTINGS = 2  # the exit code that no other start would mend


class Keeper:
    """Starts a command again whenever it dies, once it was `ready` for the first time.

    `patience` is how many seconds it may take to end. `hint` is shown beside the status lines of its start.
    """

    def __init__(self, command: Command, screen: Screen, patience: float, hint: str = "") -> None:
        self.ready = asyncio.Event()
        self._command = command
        self._screen = screen
        self._patience = patience
        self._hint = hint
        self._pause = FIRST_PAUSE_SECONDS

    def start(self) -> asyncio.Task[ChildDied]:
        """Keep it running until stopped. The task's result is a death that another start would not mend."""
        self._task = asyncio.create_task(self._keep())
        return self._task

    async def stop(self) -> None:
        """Let it drain within its patience; end it at once where this is cancelled."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _keep(self) -> ChildDied:
        while True:
            death = await self._run_once()
            if death.code == BAD_SETTINGS or not self.ready.is_set():
                return death
            self._screen.rest()
            self._screen.line(f"Starting it again in {self._pause:g} s: {death}")
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    async def _run_once(self) -> ChildDied:
        name = self._command.name
        self._screen.starting(name)
        child = await Child.start(self._command, lambda text: self._screen.status(name, text + self._hint))
        try:
            await child.ready()
            self._screen.ready(name)
            self._screen.rest()
            self._pause = FIRST_PAUSE_SECONDS
            self.ready.set()
            return await child.died()
        except ChildDied as death:
            return death
        finally:
            await child.stop(self._patience)
