"""What is to happen, from one seed: jobs whose right end is known beforehand, and the faults that come amid them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGSEGV

from pydantic import JsonValue

from shared.job import Job
from shared.states import State

BURST_JOBS = 25  # started amid one fault, on average
POISON_SIGNALS = (SIGKILL, SIGSEGV, SIGABRT)
EXHAUSTED = "attempts_exhausted"


class Kind(StrEnum):
    """What a job is like."""

    QUICK = "quick"  # is scored
    LICENSED = "licensed"  # is scored whenever the licence is there
    POISON = "poison"  # kills every seat that scores it
    BAD = "bad"  # the engine refuses its audio
    FALSE_HASH = "false hash"  # its files are not what was declared
    UNWANTED = "unwanted"  # its owner cancels it soon


SHARES = {  # all others are quick
    Kind.LICENSED: 0.10,
    Kind.POISON: 0.015,
    Kind.BAD: 0.025,
    Kind.FALSE_HASH: 0.02,
    Kind.UNWANTED: 0.02,
}


class Fault(StrEnum):
    """What goes wrong."""

    WORKER_KILLED = "kill -9 of a worker"
    SEAT_KILLED = "kill -9 of a seat"
    MEASURING_KILLED = "kill -9 of a measuring process"
    RESTARTED = "SIGTERM and a new start"
    HURRIED = "SIGTERM twice and a new start"
    FROZEN = "SIGSTOP beyond the claim, then SIGCONT"
    ERRORS = "AWS throttles and errs"
    ANSWERS_LOST = "answers lost or cut in the middle"
    SLOW = "AWS is slow"
    GONE = "AWS is gone"
    IN_PART = "batches deleted in part"
    DUPLICATES = "messages sent again"
    LICENCE_FLAPS = "the licence comes and goes"


@dataclass(frozen=True)
class PlannedJob:
    """A job to start."""

    kind: Kind
    order: dict[str, JsonValue]
    batch: str | None  # every other job is one of a batch, for its counts must be right too

    def ended_right(self, job: Job) -> bool:
        """Whether it came to the end that was known beforehand; of an unwanted one any that its owner may see."""
        code = job.error.code if job.error else None
        match self.kind:
            case Kind.QUICK | Kind.LICENSED:
                return job.state is State.SUCCEEDED
            case Kind.POISON:
                return (job.state, code) == (State.FAILED, EXHAUSTED)
            case Kind.BAD:
                return (job.state, code) == (State.FAILED, "told_to")
            case Kind.FALSE_HASH:
                return (job.state, code) == (State.FAILED, "sha256_mismatch")
            case Kind.UNWANTED:
                return job.state in (State.CANCELLED, State.SUCCEEDED)


@dataclass(frozen=True)
class Step:
    """A burst of jobs, and the fault amid them."""

    jobs: tuple[PlannedJob, ...]
    fault: Fault


def steps(count: int, seed: int, licence_lost: Path) -> list[Step]:
    """So many jobs in rounds of steps, each fault once a round; bursts of some `BURST_JOBS`, none like the other."""
    chance = random.Random(f"plan {seed}")  # noqa: S311 - chance, not a secret
    rounds = max(round(count / BURST_JOBS / len(Fault)), 1)
    faults = [fault for _ in range(rounds) for fault in chance.sample(list(Fault), len(Fault))]
    bursts: list[list[PlannedJob]] = [[] for _ in faults]
    for job in _jobs(count, chance, licence_lost):
        chance.choice(bursts).append(job)
    return [Step(tuple(jobs), fault) for jobs, fault in zip(bursts, faults, strict=True)]


def _jobs(count: int, chance: random.Random, licence_lost: Path) -> list[PlannedJob]:
    """In random order; one of each kind at least."""
    kinds = [kind for kind, share in SHARES.items() for _ in range(max(round(count * share), 1))]
    kinds += [Kind.QUICK] * (count - len(kinds))
    chance.shuffle(kinds)
    batches = (None, f"{chance.getrandbits(128):032x}")
    return [
        PlannedJob(kind, _order(kind, chance, licence_lost), batches[number % 2]) for number, kind in enumerate(kinds)
    ]


def _order(kind: Kind, chance: random.Random, licence_lost: Path) -> dict[str, JsonValue]:
    match kind:
        case Kind.LICENSED:
            return {"do": "need_licence", "lost": str(licence_lost)}
        case Kind.POISON:
            return {"do": "die", "signal": int(chance.choice(POISON_SIGNALS))}
        case Kind.UNWANTED:
            return {"do": "sleep", "seconds": 0.3}  # it may well run when it is cancelled
        case Kind.BAD:
            return {"do": "fail", "failure_class": "bad_input"}
    return {"do": "sleep", "seconds": round(chance.uniform(0.003, 0.1), 3)}


def count_kinds(planned: Sequence[PlannedJob]) -> dict[Kind, int]:
    """How many there are of each kind."""
    return {kind: sum(job.kind is kind for job in planned) for kind in Kind}
