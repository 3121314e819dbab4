"""What is to be done, and the notes of what was: a directory that a bench and all who work for it share.

Read and written in the peers' own environment too, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from math import inf
from pathlib import Path

from bench import runs
from bench.runs import Run

VARIABLE = "BENCH_PLACE"
FILES = ("reference.wav", "degraded.wav")


class Kind(StrEnum):
    """What a job is made of."""

    SLEEP = "sleep"  # isolates scheduling: all the CPU there is goes to what is measured
    CPU = "cpu"  # as engines do, which share the cores with all else


@dataclass(frozen=True)
class Orders:
    """How long each job takes, in seconds of sleep or of CPU; and where its files are, if it has any."""

    kind: Kind
    seconds: Mapping[str, float]
    bucket: str | None = None  # with FILES; each job's result goes there too


@dataclass(frozen=True)
class Place:
    """The directory. Every process that works appends its notes to the same files, a line in one write."""

    directory: Path

    @classmethod
    def told(cls) -> Place:
        """The one that this process was told of."""
        return cls(Path(os.environ[VARIABLE]))

    def give(self, orders: Orders) -> None:
        """Say what is to be done, before anybody works."""
        self._orders.write_text(json.dumps(asdict(orders)))

    @cached_property
    def orders(self) -> Orders:
        """What is to be done."""
        told = json.loads(self._orders.read_text())
        return Orders(Kind(told["kind"]), told["seconds"], told["bucket"])

    def note_begin(self, run: Run) -> None:
        """A job begins; when it will end is not known."""
        _append(self._begun, replace(run, end=inf))

    def note_end(self, run: Run) -> None:
        """A job has been done."""
        _append(self._ended, run)

    def begun(self) -> list[Run]:
        """Every run that ever began, in order, as it began."""
        return runs.read(self._begun)

    def ended(self) -> list[Run]:
        """Every run that ended, in the order of their ends."""
        return runs.read(self._ended)

    @property
    def _orders(self) -> Path:
        return self.directory / "orders.json"

    @property
    def _begun(self) -> Path:
        return self.directory / "begun.jsonl"

    @property
    def _ended(self) -> Path:
        return self.directory / "ended.jsonl"


def _append(path: Path, run: Run) -> None:
    notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(notes, run.line())
    os.close(notes)
