"""Scores by a stand-in engine on a real seat, and the processes that take part in them."""

import json
import os
import select
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pydantic import JsonValue

from tests.stand_ins import engine as stand_in
from worker.cancellation import Cancellation
from worker.engines.engine import Score
from worker.seat import Seat

PATIENCE = 30  # seconds for what is a matter of milliseconds on an idle machine


class Run:
    """A score under way in a thread of its own, by a stand-in that waits."""

    def __init__(self, seat: Seat, scratch: Path, limit_seconds: float = PATIENCE, **order: JsonValue) -> None:
        self.cancelled = Cancellation()
        self.scratch = scratch
        self._thread = ThreadPoolExecutor(1)
        reference = stand_in.write_order(scratch, do="wait", **order)
        self.outcome: Future[Score] = self._thread.submit(
            seat.score, reference, scratch / "degraded.wav", "any", scratch, limit_seconds, self.cancelled
        )
        self.processes = Processes(begun_processes(scratch))

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exception: object) -> None:
        self.cancelled.set()
        self._thread.shutdown()
        self.cancelled.close()
        self.processes.close()


class Processes:
    """Processes by their pid, held so that one can wait for their end whoever is their parent (pidfd_open(2))."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = pids
        self._files = [os.pidfd_open(pid) for pid in pids]

    def all_end(self) -> bool:
        return all(select.select([file], [], [], PATIENCE)[0] for file in self._files)

    def all_ended(self) -> bool:
        return all(select.select([file], [], [], 0)[0] for file in self._files)

    def close(self) -> None:
        for file in self._files:
            os.close(file)


def begun_processes(scratch: Path) -> list[int]:
    """The pids of a waiting stand-in and its children, as soon as it waits."""
    pids: list[int] = json.loads((scratch / "begun").read_text())
    return pids


def score(seat: Seat, scratch: Path, **order: JsonValue) -> Score:
    reference = stand_in.write_order(scratch, **order)
    with Cancellation() as never:
        return seat.score(reference, scratch / "degraded.wav", "any", scratch, PATIENCE, never)
