"""A seat: one concurrent engine run, in a child process of its own.

So a crash, a hang or an out-of-memory kill costs one attempt of one job and never the worker. The child is a fresh
interpreter, not a fork (the worker has threads) and not multiprocessing's spawn (which imports the parent's `__main__`
and keeps a resource tracker process): it holds its engine and nothing of the worker's.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from subprocess import DEVNULL, Popen
from threading import Lock

from worker import processes
from worker.cancellation import Cancellation
from worker.engines.engine import EngineError, Score
from worker.seat_messages import MAX_MESSAGE_BYTES, Task, decode_ready, decode_score, encode_task
from worker.spawner import Spawner

_STANDARD_ERROR = 2


class SeatError(Exception):
    """The seat has no child any more; `start` gives it a new one. `code` names what happened, for clients."""

    code = "seat_lost"


class SeatDied(SeatError):
    """The child ended by itself: a crash, an exit, an out-of-memory kill. `return_code` is Popen's."""

    code = "seat_died"

    def __init__(self, number: int, return_code: int) -> None:
        super().__init__(f"the process of seat {number} ended: {processes.exit_cause(return_code)}")
        self.return_code = return_code


class SeatTimedOut(SeatError):
    """The child took longer than it may, and was killed."""

    code = "seat_timed_out"


class SeatStopped(SeatError):
    """The seat was stopped, or what it did was cancelled; the child was killed."""


@dataclass(frozen=True)
class _Child:
    process: Popen[bytes]
    link: Connection


class Seat:
    """The parent's side of one child process. One thread uses it; `stop` may be called from any."""

    def __init__(self, engine: str, number: int, environment: Mapping[str, str], spawner: Spawner) -> None:
        """`engine` is a name that `worker.engines.load` knows.

        `environment` is laid over this process's, of which the child never sees a variable named `AWS_*`.
        """
        self._engine = engine
        self._number = number
        self._environment = environment
        self._spawner = spawner
        self._child: _Child | None = None
        self._stopped = Cancellation()
        self._changing = Lock()  # held to start or stop: neither runs into the other
        self._in_use = Lock()  # held by whoever waits for the child or ends it

    def is_alive(self) -> bool:
        """Whether the child is there. Ask between tasks, before one is begun, so that none is lost on a dead child."""
        with self._in_use:
            return self._child is not None and not wait([self._child.link], 0)

    def start(self) -> None:
        """Start a child, in place of the last one; returns at once. Raises OSError where no process can be made."""
        with self._changing, self._in_use:
            self._end()
            self._stopped.close()
            self._stopped = Cancellation()
            self._child = self._spawner.spawn(self._spawn)

    def wait_ready(self, limit_seconds: float) -> str:
        """Wait until the child has loaded and tested its engine; the version that this is at.

        Raises EngineError where the engine is not fit, ValueError where the child says something else, SeatDied,
        SeatTimedOut or SeatStopped; the child is gone then.
        """
        with self._in_use:
            message = self._receive(limit_seconds)
            try:
                return decode_ready(message)
            except (EngineError, ValueError):
                self._end()
                raise

    def score(
        self, reference: Path, degraded: Path, mode: str, scratch: Path, limit_seconds: float, cancelled: Cancellation
    ) -> Score:
        """Score two local files, with `scratch` as an empty directory to work in.

        Raises EngineError (the seat may be used again at once), SeatDied, SeatTimedOut after `limit_seconds`, and
        SeatStopped as soon as `cancelled` is set or `stop` is called; after these three every process of it is gone. A
        score that is there by then is returned all the same.
        """
        with self._in_use:
            self._send(Task(str(reference), str(degraded), mode, str(scratch)))
            message = self._receive(limit_seconds, cancelled)
        return decode_score(message)

    def reap(self) -> str | None:
        """End what is left of a child that ended by itself between tasks; how it ended, None where there is none."""
        with self._in_use:
            return processes.exit_cause(self._end()) if self._child else None

    def stop(self) -> None:
        """Kill the child and all that it started, and reap it; a thread that waits for it gets SeatStopped."""
        with self._changing:
            self._stopped.set()
            with self._in_use:
                self._end()

    def _spawn(self) -> _Child:
        link, child_end = Pipe()
        with child_end:
            arguments = [self._engine, str(child_end.fileno()), str(os.getpid())]
            try:
                process = Popen(  # noqa: S603 - this interpreter and a module of ours
                    [sys.executable, "-X", "faulthandler", "-m", "worker.seat_child", *arguments],
                    env=self._child_environment(),
                    pass_fds=[child_end.fileno()],
                    stdin=DEVNULL,
                    stdout=_STANDARD_ERROR,  # an engine may print what it likes: ours carries the logs
                    start_new_session=True,
                )
            except OSError:
                link.close()
                raise
        return _Child(process, link)

    def _child_environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | dict(self._environment)

    def _running(self) -> _Child:
        if self._child is None:
            raise SeatStopped(f"seat {self._number} has no process; start it")
        return self._child

    def _send(self, task: Task) -> None:
        try:
            self._running().link.send_bytes(encode_task(task))
        except OSError:
            raise SeatDied(self._number, self._end()) from None

    def _receive(self, limit_seconds: float, *wakers: Cancellation) -> bytes:
        """The child's next message; in any other outcome the child is ended."""
        link = self._running().link
        ready = wait([link, *(waker.fileno() for waker in (self._stopped, *wakers))], limit_seconds)
        if link in ready:
            try:
                return link.recv_bytes(MAX_MESSAGE_BYTES)
            except (EOFError, OSError):
                raise SeatDied(self._number, self._end()) from None
        self._end()
        if ready:
            raise SeatStopped(f"seat {self._number} was stopped")
        raise SeatTimedOut(f"seat {self._number} did not answer within {limit_seconds:g} s")

    def _end(self) -> int:
        """No child from here on; the return code of the one there was, 0 where there was none."""
        if self._child is None:
            return 0
        child, self._child = self._child, None
        child.link.close()
        return processes.kill_group(child.process)
