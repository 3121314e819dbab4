"""A worker on this machine, seen from outside: what it and its children cost, and when its seats scored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from bench import calls, engine
from bench.process import cpu_seconds, running
from bench.service import Service

LOOK_SECONDS = 0.2
STUCK_SECONDS = 60.0


@dataclass(frozen=True)
class Cpu:
    """What each of the worker's processes used of a core, in seconds: the parent, its measuring process, its seats."""

    worker: float
    measuring: float
    seats: float

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(*(getattr(self, part.name) - getattr(earlier, part.name) for part in fields(self)))


@dataclass(frozen=True)
class Host:
    """A worker that runs, and where it leaves what is to be read of it."""

    process: psutil.Process
    runs_file: Path
    calls_file: Path

    def scored(self) -> int:
        """How many jobs have been scored since it started."""
        return self.runs_file.read_bytes().count(b"\n") if self.runs_file.exists() else 0

    def wait_scored(self, jobs: int) -> None:
        """Until so many jobs have been scored since it started. Raises TimeoutError where none ends for a while."""
        scored, moved = 0, time.monotonic()
        while scored < jobs:
            time.sleep(LOOK_SECONDS)
            if (now := self.scored()) > scored:
                scored, moved = now, time.monotonic()
            elif time.monotonic() - moved > STUCK_SECONDS:
                raise TimeoutError(f"{scored} of {jobs} jobs were scored, then none for {STUCK_SECONDS:.0f} s")

    def cpu(self) -> Cpu:
        """What it used so far."""
        children = [(" ".join(child.cmdline()), cpu_seconds(child)) for child in self.process.children()]
        return Cpu(
            worker=cpu_seconds(self.process),
            measuring=sum(seconds for command, seconds in children if "spawn_main" in command),
            seats=sum(seconds for command, seconds in children if "worker.seat_child" in command),
        )

    def wakes(self) -> int:
        """How often its own threads have woken so far, having waited for something: proc(5), voluntary switches."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(psutil.Process(int(task.name)).num_ctx_switches().voluntary for task in tasks)


@contextmanager
def worker(
    service: Service,
    directory: Path,
    *,
    engine_seconds: float = 0,
    note_calls: bool = False,
    **settings: object,
) -> Iterator[Host]:
    """A worker that is ready, killed in the end. Told of no engine, it has one that takes `engine_seconds` a job."""
    directory.mkdir()
    runs_file, calls_file = directory / "runs.jsonl", directory / "calls.jsonl"
    environment = {
        **told(service, directory, **{"engine": engine.NAME, **settings}),
        **(calls.noted_to(calls_file) if note_calls else {}),
        engine.SECONDS: str(engine_seconds),
        engine.RUNS_FILE: str(runs_file),
    }
    with running("worker", environment=environment, log=directory / "worker.log") as process:
        yield Host(process, runs_file, calls_file)


def told(service: Service, directory: Path, **settings: object) -> dict[str, str]:
    """The environment of a worker for that service, whose files go to that directory."""
    return {
        **service.environment,
        "MOSAIC_HOST": "bench",
        "MOSAIC_WORK_DIRECTORY": str(directory / "work"),
        "MOSAIC_STATE_DIRECTORY": str(directory / "state"),
        **{f"MOSAIC_{name.upper()}": str(value) for name, value in settings.items()},
    }
