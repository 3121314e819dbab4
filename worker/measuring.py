"""The measuring process: one, of low priority, beside the seats.

It has one job at a time, so that a file that kills it costs no other job anything.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from pydantic import TypeAdapter

from shared import logs
from shared.job import Job, Role
from worker import reference_cache
from worker.audio.measures import Measures
from worker.disk import Disk
from worker.engines.engine import EngineError, FailureClass
from worker.examine import Examined, Task, serve
from worker.processes import REAP_SECONDS, exit_cause
from worker.reference_cache import ReferenceCache
from worker.reminders import Reminders
from worker.spawner import Spawner
from worker.work import Findings

# 600 s of audio at 48 kHz take some 2 s to measure, more to resample; and a busy machine is slow to start a process.
LIMIT_SECONDS = 120.0
RESTART_SECONDS = 5.0  # before one that did not come up is started once more
TRIES = 2  # of a job whose process had died before it began with it

log = logs.get(__name__)

_TASK: TypeAdapter[Task] = TypeAdapter(Task)
_EXAMINED: TypeAdapter[Examined] = TypeAdapter(Examined)
_MEASURES: TypeAdapter[Measures] = TypeAdapter(Measures)


class MeasuringStopped(Exception):
    """The worker ends: nothing is measured any more."""


class MeasuringNotUp(Exception):
    """The process that was started cannot measure."""


@dataclass(frozen=True)
class _Child:
    process: BaseProcess
    link: Connection  # closed with the last who has it: whoever waits at it must not find another's descriptor there


class Measuring:
    """Examines files in a process of its own, which a thread keeps up: whatever it dies of, another is started."""

    def __init__(self, spawner: Spawner, references: ReferenceCache, disk: Disk) -> None:
        """`references` keeps the measures of each reference that it keeps, so that those are measured once.

        `disk` is told where the process finds no room.
        """
        self._spawner = spawner
        self._references = references
        self._disk = disk
        self._one_at_a_time = threading.Lock()
        self._changed = threading.Condition()
        self._started: BaseProcess | None = None
        self._child: _Child | None = None  # once it is ready, for as long as it lives
        self._failing = False  # the last one that was started did not come up
        self._stopping = threading.Event()
        self._reminders = Reminders()
        self._thread = threading.Thread(target=self._keep_up, name="measuring")

    def start(self) -> None:
        """Start the process; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Kill the process; whoever waits for it gets an error."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._started:
            self._started.kill()

    @property
    def up(self) -> bool:
        """Whether there is a process that has shown that it can measure."""
        return self._child is not None

    def wait_up(self, limit_seconds: float) -> bool:
        """Wait until it is up; whether it is, within the limit."""
        with self._changed:
            return self._changed.wait_for(lambda: self.up, limit_seconds)

    def examine(self, directory: Path, job: Job) -> Findings:
        """What is to be scored, and said, of a job's files.

        A reference that is prepared is prepared and measured each time: what becomes of it is no file of its own.

        Raises EngineError: `bad_input` for what cannot be scored, `throttled` where there was no room to prepare a
        file or no process to be had, `transient` where the process died of it; and MeasuringStopped.
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
        """The process's answer. One that died before it began with the task did not die of it: another is asked."""
        for _ in range(TRIES):
            child = self._awaited()
            if child and (answer := self._answer(child, _TASK.dump_json(task))) is not None:
                return answer
            if self._stopping.is_set():
                break
        self._raise_if_stopping()
        message = "The measuring process does not come up; the worker's log says why."
        raise EngineError(FailureClass.THROTTLED, "measuring_not_up", message)

    def _awaited(self) -> _Child | None:
        """The process that is up, waiting for one that just starts; None where there is none to be had."""
        with self._changed:
            self._changed.wait_for(lambda: self._child or self._failing or self._stopping.is_set(), LIMIT_SECONDS)
            return self._child

    def _answer(self, child: _Child, task: bytes) -> bytes | None:
        """None where the process ended before it began. Raises EngineError where it ended since."""
        begun = False
        try:
            child.link.send_bytes(task)
            while child.link.poll(LIMIT_SECONDS):
                told = child.link.recv_bytes()
                if begun:
                    return told
                begun = True
            log.error("measuring_hung", seconds=LIMIT_SECONDS)
        except (EOFError, OSError):
            pass  # whoever keeps it up tells of it
        self._lose(child)
        self._raise_if_stopping()
        if not begun:
            return None
        message = "The measuring process died of this job's files, or did not answer."
        raise EngineError(FailureClass.TRANSIENT, "measuring_died", message)

    def _raise_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise MeasuringStopped

    def _keep_up(self) -> None:
        while not self._stopping.is_set():
            try:
                child = self._start()
            except Exception as error:  # whatever it is, it is worth another try
                self._note_failing(f"{type(error).__name__}: {error}")
                self._stopping.wait(RESTART_SECONDS)
            else:
                self._note_up(child)
                connection.wait([child.process.sentinel])
                self._lose(child)
                cause = _end(child.process)
                if not self._stopping.is_set():
                    log.warning("measuring_died", cause=cause)

    def _start(self) -> _Child:
        """A process that is ready. Raises MeasuringNotUp, and OSError where none can be made."""
        child = self._spawner.spawn(_new_process)
        self._started = child.process
        if self._stopping.is_set():  # looked at once it can be stopped: a `stop` before that found nothing to kill
            child.process.kill()
        try:
            said = child.link.recv_bytes() if child.link.poll(LIMIT_SECONDS) else b"It said nothing in time."
        except (EOFError, OSError):
            raise MeasuringNotUp(f"It ended: {_end(child.process)}.") from None
        if said:
            _end(child.process)
            raise MeasuringNotUp(said.decode(errors="replace"))
        return child

    def _note_up(self, child: _Child) -> None:
        with self._changed:
            self._child, self._failing = child, False
            self._changed.notify_all()
        if self._reminders.forget(self):
            log.info("measuring_up")

    def _note_failing(self, why: str) -> None:
        with self._changed:
            self._failing = True
            self._changed.notify_all()
        if not self._stopping.is_set() and self._reminders.due(self, why):
            log.error("measuring_not_up", error=why)

    def _lose(self, child: _Child) -> None:
        """It is not to be asked any more."""
        child.process.kill()
        with self._changed:
            if self._child is child:
                self._child = None


def _end(process: BaseProcess) -> str:
    """Kill it if it lives; how it ended."""
    process.join(0)
    if process.exitcode is None:
        process.kill()
        process.join(REAP_SECONDS)
    return "it does not end" if process.exitcode is None else exit_cause(process.exitcode)


def _new_process() -> _Child:
    """A process that was started by this thread, which must outlive it."""
    spawn = multiprocessing.get_context("spawn")
    link, child_end = spawn.Pipe()
    process = spawn.Process(target=serve, args=(child_end, os.getpid()), name="measuring", daemon=True)
    process.start()
    child_end.close()
    return _Child(process, link)
