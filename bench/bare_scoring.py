"""What is left of a worker that does nothing but measure and score: in a process of its own, one pair after another."""

from __future__ import annotations

import os
import time
from pathlib import Path

from worker import engines
from worker.audio.measures import measure
from worker.engines.engine import Engine

_engine: list[Engine] = []


def warm(name: str) -> None:
    """Make the process's engine, fit to score. Raises EngineError where it is not.

    In a session of its own, as a seat is: kernels may share CPUs out by sessions (sched(7), "The autogroup feature").
    """
    os.setsid()
    engine = engines.load(name)
    engine.self_test()
    _engine.append(engine)


def score(pair: tuple[Path, Path]) -> float:
    """Measure both files and score them in the engine's default mode; the seconds of CPU that it took.

    Raises EngineError, UnscorableAudio.
    """
    began, (reference, degraded) = time.process_time(), pair
    measure(reference)
    measure(degraded)
    (engine,) = _engine
    engine.score(reference, degraded, engine.describe().default_mode, reference.parent)
    return time.process_time() - began
