"""The processes that one participant consists of, and what can be done to them from outside."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from sandbox.children import ROOT
from worker.processes import die_with_parent

Command = Sequence[str]

GONE_SECONDS = 5.0  # for others than us to reap what we killed


class Group:
    """Started at its making. The `mains` are what a service manager would start; they have children of their own."""

    def __init__(self, commands: Sequence[Command], environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._mains = [
                subprocess.Popen(  # noqa: S603 - interpreters and modules that the bench names
                    command,
                    env=dict(environment),
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    preexec_fn=partial(die_with_parent, os.getpid()),
                )
                for command in commands
            ]

    def kill(self) -> None:
        """`kill -9` to all of them at once, as when the power goes. Twice is the same as once."""
        self._end(list(self._everyone()))

    def terminate(self, seconds: float) -> None:
        """SIGTERM to the mains, as systemd does with `KillMode=mixed`; who is still there after a while is killed."""
        everyone = list(self._everyone())
        for main in self._mains:
            main.terminate()
        with suppress(subprocess.TimeoutExpired):
            for main in self._mains:
                main.wait(seconds)
        self._end(everyone)

    def stop(self) -> None:
        """SIGSTOP to all of them."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT to all of them."""
        self._signal(signal.SIGCONT)

    def _end(self, everyone: list[psutil.Process]) -> None:
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for main in self._mains:
            main.wait()
        psutil.wait_procs(everyone, timeout=GONE_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._everyone():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _everyone(self) -> Iterator[psutil.Process]:
        for main in self._mains:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(main.pid)
                yield process
                yield from process.children(recursive=True)
