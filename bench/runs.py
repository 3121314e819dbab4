"""When the engines ran, and what follows from it. Times in seconds of CLOCK_MONOTONIC, which all processes share."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import inf
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One score: of which job, on which seat (its process id), from when to when."""

    job: str
    seat: int
    begin: float
    end: float

    def line(self) -> bytes:
        """Itself as a line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


def read(path: Path) -> list[Run]:
    """The runs that were written there, in the order of their ends."""
    return [Run(**json.loads(line)) for line in path.read_bytes().splitlines()] if path.exists() else []


def seat_use(runs: Sequence[Run], seats: int) -> float:
    """The share of the seats' time that was spent scoring, from the first begin to the last end: 0 to 1."""
    return share(runs, seats, max(run.end for run in runs) - min(run.begin for run in runs))


def share(runs: Sequence[Run], seats: int, seconds: float) -> float:
    """The share of so many seconds of the seats' time that was spent scoring: 0 to 1."""
    return sum(run.end - run.begin for run in runs) / (seats * seconds)


def within(runs: Sequence[Run], begin: float, end: float) -> list[Run]:
    """What of these runs lies between two times; those that reach beyond are cut."""
    cut = [replace(run, begin=max(run.begin, begin), end=min(run.end, end)) for run in runs]
    return [run for run in cut if run.begin < run.end]


def gaps(runs: Sequence[Run]) -> list[float]:
    """How long each seat stood idle between one job and the next, in seconds."""
    by_seat: dict[int, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.begin):
        by_seat[run.seat].append(run)
    return [later.begin - earlier.end for seat in by_seat.values() for earlier, later in pairwise(seat)]


def all_begun(runs: Sequence[Run]) -> float:
    """When the last of the seats began its first job."""
    first: dict[int, float] = {}
    for run in runs:
        first[run.seat] = min(first.get(run.seat, inf), run.begin)
    return max(first.values())


@dataclass(frozen=True)
class Moment:
    """From when on how many jobs were claimed and had not begun, and how many seats scored."""

    at: float
    waiting: int
    scoring: int


def moments(claims: Mapping[str, float], runs: Sequence[Run]) -> list[Moment]:
    """Every change of these numbers, in order, from none on; `claims` is when, by job."""
    waiting, scoring = Counter[float](), Counter[float]()  # by how many they change, and when
    for run in runs:
        waiting.update([claims[run.job]])
        waiting.subtract([run.begin])
        scoring.update([run.begin])
        scoring.subtract([run.end])
    found = [Moment(-inf, 0, 0)]
    for at in sorted({*waiting, *scoring}):
        found.append(Moment(at, found[-1].waiting + waiting[at], found[-1].scoring + scoring[at]))
    return found
