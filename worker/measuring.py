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
from shared.job import Job, Role
from worker import reference_cache
from worker.audio.measures import Measures
from worker.disk import Disk
from worker.engines.engine import EngineError, FailureClass
from worker.examine import Examined, Task, serve
from worker.reference_cache import ReferenceCache
from worker.spawner import Spawner
from worker.work import Findings

LIMIT_SECONDS = 120.0  # 600 s of audio at 48 kHz take some 2 s to measure, and more to resample

log = logs.get(__name__)

_TASK: TypeAdapter[Task] = TypeAdapter(Task)
_EXAMINED: TypeAdapter[Examined] = TypeAdapter(Examined)
_MEASURES: TypeAdapter[Measures] = TypeAdapter(Measures)


class MeasuringStopped(Exception):
    """The worker ends: nothing is measured any more."""


class Measuring:
    """Examines files in a process of its own, which is started anew where it died or did not answer."""

    def __init__(self, spawner: Spawner, references: ReferenceCache, disk: Disk) -> None:
        """`references` keeps the measures of each reference that it keeps, so that those are measured once.

        `disk` is told where the process finds no room.
        """
        self._spawner = spawner
        self._references = references
        self._disk = disk
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

        A reference that is prepared is prepared and measured each time: what becomes of it is no file of its own.

        Raises EngineError: `bad_input` for what cannot be scored, `throttled` where there was no room to prepare a
        file, `transient` where the process died of it; and MeasuringStopped.
        """
        prepares = {role: wanted for role in Role if (wanted := job.file(role).prepare)}
        reference = None if Role.REFERENCE in prepares else reference_cache.declared(job)
        with self._one_at_a_time:
            known = self._references.measures(reference) if reference else None
            findings = self._findings(Task(directory, job.mode, prepares, known))
            if reference:
                self._references.note(reference, _MEASURES.validate_python(findings.audio[Role.REFERENCE]))
        return findings

    def _findings(self, task: Task) -> Findings:
        examined = _EXAMINED.validate_json(self._ask(task))
        if examined.error:
            error = examined.error.as_error()
            self._disk.heed(error)
            raise error
        if examined.findings is None:
            raise EngineError(FailureClass.TRANSIENT, "measuring_failed", "The measuring process gave no answer.")
        return examined.findings

    def _ask(self, task: Task) -> bytes:
        try:
            self._link.send_bytes(_TASK.dump_json(task))
            if self._link.poll(LIMIT_SECONDS):
                return self._link.recv_bytes()
            log.error("measuring_hung", seconds=LIMIT_SECONDS)
        except (EOFError, OSError):
            log.warning("measuring_died")
        if not self._stopping:
            self._renew()
        if self._stopping:  # looked at again, for a `stop` meanwhile killed the old process
            self._process.kill()
            raise MeasuringStopped
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
