"""A trial of an engine: what it says of itself, and whether it works in each of its modes."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker import engines, examine
from worker.engines import test_pair
from worker.engines.engine import Description, EngineError, FailureClass, Score, check_score

_WITHOUT_LICENCE = {"visqol"}


@dataclass(frozen=True)
class Finding:
    """What came of one score: the score in MOS and the engine's warnings where there is one, or the error."""

    seconds: float
    score: float | None = None
    warnings: tuple[str, ...] = ()
    error: EngineError | None = None


class Trial:
    """One engine, in this process: its tool runs in one of its own anyway."""

    def __init__(self, name: str) -> None:
        """`name` as for `engines.load`. Raises EngineError (`config`) where there is no such engine or preset."""
        self._engine = engines.load(name)

    def describe(self) -> Description:
        """Raises EngineError where the engine is not installed."""
        return self._engine.describe()

    def modes(self) -> Mapping[str, Finding]:
        """How each mode fares: the default one by the engine's self-test, every other by scoring the generated pair."""
        description = self.describe()
        return {mode.name: self._try(mode.name, description) for mode in description.modes}

    def score(self, reference: Path, degraded: Path, mode: str) -> Finding:
        """Score two files, in the default mode where `mode` is empty."""
        return _found(lambda: self._score(reference, degraded, mode))

    def _try(self, mode: str, description: Description) -> Finding:
        if mode == description.default_mode:
            return _found(self._engine.self_test)
        with tempfile.TemporaryDirectory() as directory:
            return self.score(*test_pair.write(Path(directory), description.mode(mode)), mode)

    def _score(self, reference: Path, degraded: Path, mode: str) -> Score:
        description = self.describe()
        scale = description.mode(mode or description.default_mode)
        with tempfile.TemporaryDirectory() as scratch:
            score = self._engine.score(reference, degraded, scale.name, Path(scratch))
        check_score(score, scale)
        return score


def measuring() -> Finding:
    """Whether a generated pair can be prepared and measured on this machine."""
    return _found(examine.self_test)


def _found(score: Callable[[], Score | None]) -> Finding:
    """What came of it. What an engine must never raise is `transient`, as in a seat."""
    began = time.monotonic()
    try:
        found = score()
        seconds = time.monotonic() - began
        return Finding(seconds, found.mos_lqo, found.warnings) if found else Finding(seconds)
    except EngineError as error:
        return Finding(error=error, seconds=time.monotonic() - began)
    except Exception as error:
        fault = EngineError(FailureClass.TRANSIENT, "engine_fault", f"{type(error).__name__}: {error}")
        return Finding(error=fault, seconds=time.monotonic() - began)


def licence_state(engine: Description, modes: Mapping[str, Finding]) -> str:
    """In words, what the findings in each mode say of the licence."""
    if engine.name in _WITHOUT_LICENCE:
        return "none needed"
    errors = {mode: finding.error for mode, finding in modes.items() if finding.error}
    if lost := [mode for mode, error in errors.items() if error.failure_class is FailureClass.LICENCE]:
        return f"lost in {'every mode' if len(lost) == len(modes) else 'mode ' + ', '.join(lost)}"
    return "not known: no licence was refused, but not every mode works" if errors else "well"
