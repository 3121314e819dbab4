"""Prepares and measures a job's two files; runs in the measuring process."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from pydantic import JsonValue, TypeAdapter

from shared.job import Prepare, Role
from worker import processes
from worker.audio.advice import NO_SIGNAL, advise
from worker.audio.measures import measure
from worker.audio.prepare import prepare
from worker.audio.unscorable import UnscorableAudio
from worker.engines.engine import EngineError, FailureClass
from worker.work import Findings

NICENESS = 10  # beside the seats, never before them


@dataclass(frozen=True)
class Task:
    """What is asked of the measuring process: the job's directory, its mode, and what to prepare."""

    directory: Path
    mode: str
    prepares: dict[Role, Prepare]


@dataclass(frozen=True)
class Refusal:
    """An EngineError, as it comes through the pipe."""

    failure_class: FailureClass
    code: str
    message: str


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
    task, examined = TypeAdapter(Task), TypeAdapter(Examined)
    while True:
        try:
            told = link.recv_bytes()
        except EOFError:
            return
        link.send_bytes(examined.dump_json(_answer(task.validate_json(told))))


def _answer(task: Task) -> Examined:
    try:
        return Examined(findings=examine(task.directory, task.mode, task.prepares))
    except EngineError as error:
        return Examined(error=Refusal(error.failure_class, error.code, error.message))
    except Exception as error:
        message = f"The files could not be measured: {type(error).__name__}: {error}"
        return Examined(error=Refusal(FailureClass.TRANSIENT, "measuring_failed", message))


def examine(directory: Path, mode: str, prepares: dict[Role, Prepare]) -> Findings:
    """What is to be scored of the files in `directory`, and what is to be said of them.

    Raises EngineError, `bad_input`, where they cannot be scored at all.
    """
    try:
        return _examine(directory, mode, prepares)
    except UnscorableAudio as bad:
        raise EngineError(FailureClass.BAD_INPUT, bad.code, bad.message) from None


def _examine(directory: Path, mode: str, prepares: dict[Role, Prepare]) -> Findings:
    prepared: list[dict[str, JsonValue]] = []
    paths = {}
    for role in Role:
        paths[role] = directory / f"{role}.wav"
        if wanted := prepares.get(role):
            paths[role] = directory / f"{role}-prepared.wav"
            done = prepare(directory / f"{role}.wav", paths[role], wanted)
            prepared.append({"file": str(role), **done})
    measures = {role: measure(path) for role, path in paths.items()}
    rates = tuple(cast(int, done["original_rate_hz"]) for done in prepared)
    advice = advise(measures[Role.REFERENCE], measures[Role.DEGRADED], mode, rates)
    return Findings(
        reference=paths[Role.REFERENCE],
        degraded=paths[Role.DEGRADED],
        seconds=max(found.seconds for found in measures.values()),
        audio={str(role): asdict(found) for role, found in measures.items()},
        warnings=advice,
        prepared=prepared,
        silent=any(piece.code == NO_SIGNAL for piece in advice),
    )
