"""Prepares and measures a job's two files; runs in the measuring process.

The process says once that it is ready (READY), or why it is not. Of each task it says that it has begun (BEGUN): what
it dies of before that is not the task. Then comes the answer.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self, cast

from pydantic import JsonValue, TypeAdapter

from shared import logs
from shared.job import Prepare, Role
from shared.pools import Mode
from worker import processes
from worker.audio.advice import NO_SIGNAL, advise
from worker.audio.measures import Measures, measure
from worker.audio.prepare import prepare
from worker.audio.unscorable import UnscorableAudio
from worker.disk import is_full, no_room
from worker.engines import test_pair
from worker.engines.engine import EngineError, FailureClass
from worker.work import Findings

NICENESS = 10  # beside the seats, never before them
READY = b""
BEGUN = b"begun"

_TESTED = Mode(name="wb", reference_rates_hz=(48000,), degraded_rates_hz=(48000,), same_rate=True, ceiling=5.0)
_RESAMPLED = Prepare.model_validate({"resample": 16000})

log = logs.get(__name__)


@dataclass(frozen=True)
class Task:
    """What is asked of the measuring process: the job's directory, its mode, and what to prepare.

    `reference` are the measures of the reference, where it is as it was fetched and was measured before.
    """

    directory: Path
    mode: str
    prepares: dict[Role, Prepare]
    reference: Measures | None = None


@dataclass(frozen=True)
class Refusal:
    """An EngineError, as it comes through the pipe."""

    failure_class: FailureClass
    code: str
    message: str
    file: Role | None = None

    @classmethod
    def of(cls, error: EngineError) -> Self:
        """The error as it is sent."""
        return cls(error.failure_class, error.code, error.message, error.file)

    def as_error(self) -> EngineError:
        """The error as it was."""
        return EngineError(self.failure_class, self.code, self.message, self.file)


@dataclass(frozen=True)
class Examined:
    """The answer: findings, or why there are none. It comes as JSON: this process reads what clients sent."""

    findings: Findings | None = None
    error: Refusal | None = None


def serve(link: Connection, parent_pid: int) -> None:
    """What the measuring process does: one task after another, until its parent is gone."""
    processes.die_with_parent(parent_pid)
    processes.ignore_stop_signals()
    os.nice(NICENESS)
    logs.configure("measuring", sys.stderr)
    task, examined = TypeAdapter(Task), TypeAdapter(Examined)
    try:
        self_test()
    except Exception as error:
        log.exception("self_test_failed")
        link.send_bytes(f"{type(error).__name__}: {error}".encode(errors="replace"))
        return
    link.send_bytes(READY)
    while True:
        try:
            told = link.recv_bytes()
        except EOFError:
            return
        link.send_bytes(BEGUN)
        link.send_bytes(examined.dump_json(_answer(task.validate_json(told))))


def self_test() -> None:
    """Prepare and measure a generated pair. Raises whatever keeps it from that."""
    with tempfile.TemporaryDirectory() as directory:
        test_pair.write(Path(directory), _TESTED)
        examine(Task(Path(directory), _TESTED.name, {Role.DEGRADED: _RESAMPLED}))


def _answer(task: Task) -> Examined:
    try:
        return Examined(findings=examine(task))
    except EngineError as error:
        return Examined(error=Refusal.of(error))
    except Exception as error:
        if is_full(error):
            return Examined(error=Refusal.of(no_room(error)))
        log.exception("measuring_failed", directory=str(task.directory))
        message = "The files could not be measured; the measuring process's log says why."
        return Examined(error=Refusal(FailureClass.TRANSIENT, "measuring_failed", message))


def examine(task: Task) -> Findings:
    """What is to be scored of the files in the task's directory, and what is to be said of them.

    Raises EngineError, `bad_input`, where they cannot be scored at all; OSError where one cannot be had or written.
    """
    prepared: list[dict[str, JsonValue]] = []
    paths, measures = {}, {}
    for role in Role:
        with _blaming(role):
            paths[role], done = _prepare(task, role)
            prepared += done
            measures[role] = _known(task, role) or measure(paths[role])
    rates = tuple(cast(int, done["original_rate_hz"]) for done in prepared)
    with _blaming(Role.REFERENCE):  # of a pair that can be measured, advice refuses a silent reference alone
        advice = advise(measures[Role.REFERENCE], measures[Role.DEGRADED], task.mode, rates)
    return Findings(
        reference=paths[Role.REFERENCE],
        degraded=paths[Role.DEGRADED],
        seconds=max(found.seconds for found in measures.values()),
        audio={str(role): asdict(found) for role, found in measures.items()},
        warnings=advice,
        prepared=prepared,
        silent=any(piece.code == NO_SIGNAL for piece in advice),
    )


@contextmanager
def _blaming(role: Role) -> Iterator[None]:
    """Audio that cannot be scored, as it is found within, is that file's fault."""
    try:
        yield
    except UnscorableAudio as bad:
        raise EngineError(FailureClass.BAD_INPUT, bad.code, bad.message, role) from None


def _prepare(task: Task, role: Role) -> tuple[Path, list[dict[str, JsonValue]]]:
    """The path of what is to be scored, and what was done to it: nothing, or one thing."""
    path = task.directory / f"{role}.wav"
    wanted = task.prepares.get(role)
    if not wanted:
        return path, []
    target = task.directory / f"{role}-prepared.wav"
    return target, [{"file": str(role), **prepare(path, target, wanted)}]


def _known(task: Task, role: Role) -> Measures | None:
    return task.reference if role is Role.REFERENCE else None
