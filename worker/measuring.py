"""The measuring process: one, of low priority, beside the seats.

It has one job at a time, so that a file that kills it costs no other job anything.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock

from pydantic import TypeAdapter

from shared import logs
from shared.job import Job, Prepare, Role
from worker.engines.engine import EngineError, FailureClass
from worker.examine import Examined, Task, serve
from worker.spawner import Spawner
from worker.work import Findings

LIMIT_SECONDS = 120.0  # 600 s of audio at 48 kHz take some 2 s to measure, and more to resample
START_SECONDS = 60.0

log = logs.get(__name__)

_TASK: TypeAdapter[Task] = TypeAdapter(Task)
_EXAMINED: TypeAdapter[Examined] = TypeAdapter(Examined)


class MeasuringStopped(Exception):
    """The worker ends: nothing is measured any more."""


class Measuring:
    """Examines files in a process of its own, which is started anew where it died or did not answer."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._one_at_a_time = Lock()
        self._stopping = False

    def start(self) -> None:
        """Start the process; returns at once."""
        self._process, self._link = self._spawner.spawn(_new_process)

    def stop(self) -> None:
        """Kill the process; whoever waits for it gets an error."""
        self._stopping = True
        self._process.kill()

    def examine(self, directory: Path, job: Job) -> Findings:
        """What is to be scored, and said, of a job's files.

        Raises EngineError: `bad_input` for what cannot be scored, `transient` where the process died of it; and
        MeasuringStopped.
        """
        prepares = {role: wanted for role in Role if (wanted := job.file(role).prepare)}
        with self._one_at_a_time:
            answer = self._ask(directory, job.mode, prepares)
        examined = _EXAMINED.validate_json(answer)
        if examined.error:
            raise EngineError(examined.error.failure_class, examined.error.code, examined.error.message)
        if examined.findings is None:
            raise EngineError(FailureClass.TRANSIENT, "measuring_failed", "The measuring process gave no answer.")
        return examined.findings

    def _ask(self, directory: Path, mode: str, prepares: dict[Role, Prepare]) -> bytes:
        try:
            self._link.send_bytes(_TASK.dump_json(Task(directory, mode, prepares)))
            if self._link.poll(LIMIT_SECONDS):
                return self._link.recv_bytes()
            log.error("measuring_hung", seconds=LIMIT_SECONDS)
        except (EOFError, OSError):
            log.warning("measuring_died")
        if self._stopping:
            raise MeasuringStopped
        self._renew()
        message = "The measuring process died of this job's files, or did not answer."
        raise EngineError(FailureClass.TRANSIENT, "measuring_died", message)

    def _renew(self) -> None:
        self._process.kill()
        self._process.join()
        self._link.close()
        self._process, self._link = self._spawner.spawn(_new_process)


def _new_process() -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """A process that was started by this thread, which must outlive it."""
    spawn = multiprocessing.get_context("spawn")
    link, child_end = spawn.Pipe()
    process = spawn.Process(target=serve, args=(child_end, os.getpid()), name="measuring", daemon=True)
    process.start()
    child_end.close()
    return process, link
