"""The work in hand: one message, the job it names, and what became of it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from pydantic import JsonValue
from structlog.contextvars import bound_contextvars

from shared import logs
from shared.job import Job
from shared.pools import Lane
from shared.result import Advice
from worker.cancellation import Cancellation
from worker.engines.engine import EngineError, Score
from worker.places import Place

UNEXPECTED = "unexpected"  # what a client is told of an error that nobody foresaw


@dataclass(frozen=True)
class Message:
    """A message as it was received. `receipt` is good for this receive only."""

    id: str
    lane: Lane
    body: str
    receipt: str
    receives: int


@dataclass(frozen=True)
class Findings:
    """What is known of a job's two files before a seat is spent: paths of what is to be scored, and advice."""

    reference: Path
    degraded: Path
    seconds: float
    audio: dict[str, dict[str, JsonValue]]
    warnings: list[Advice]
    prepared: list[dict[str, JsonValue]]
    silent: bool  # the degraded file has no signal: there is nothing to score


@dataclass
class Work:
    """One message in hand, from its receive until it is settled. `claim_ends` is by the monotonic clock."""

    message: Message
    place: Place | None = None
    job: Job | None = None
    job_id: str | None = None  # from before its claim: of a claim whose answer was lost nothing else is known
    claim_ends: float | None = None
    directory: Path | None = None
    findings: Findings | None = None
    begun: Future[Job] | None = None
    engine_version: str | None = None  # of the seat that has it
    alone: bool = False  # it shows whether a held mode is well again
    cancelled: Cancellation = field(default_factory=Cancellation)
    timings_ms: dict[str, int] = field(default_factory=dict)
    settled: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)  # held while its message or claim is extended

    @property
    def placed(self) -> Place:
        """The place, once it has one."""
        if self.place is None:
            raise RuntimeError("this message has no place yet")
        return self.place

    @property
    def claimed(self) -> Job:
        """The job, once it is claimed."""
        if self.job is None:
            raise RuntimeError("this message's job was not claimed")
        return self.job

    def in_log(self) -> AbstractContextManager[object]:
        """Every line logged within, on this thread, names the job, or the message while the job is not known."""
        return logs.about(self.job) if self.job else bound_contextvars(message_id=self.message.id)


@dataclass(frozen=True)
class Scored:
    """The engine gave a score."""

    score: Score


@dataclass(frozen=True)
class Failed:
    """The engine, or what comes before it, refused the job: the error says whose turn it is."""

    error: EngineError


@dataclass(frozen=True)
class Crashed:
    """The attempt came to nothing, and it is a failure: a crash, a time-out, an error that nobody foresaw.

    Its client is told the code.
    """

    code: str


class Unscored(Enum):
    """There is no score, and no error either."""

    NO_SIGNAL = auto()  # there was nothing to score in the degraded file
    DROPPED = auto()  # the claim is no longer ours: the job ended, or was taken over
    PUT_OFF = auto()  # not now: its mode is held, or this host could not fetch it; it goes back for a while, at no cost
    RETURNED = auto()  # the worker ends before the job was scored: it goes back, at no cost


Outcome = Scored | Failed | Crashed | Unscored
Finished = tuple[Work, Outcome]
