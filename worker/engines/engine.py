"""What an engine is to the worker: it describes itself, tests itself, and scores two local files in a mode."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from shared.job import Role
from shared.pools import Mode

LOWEST_MOS, HIGHEST_MOS = 1.0, 5.0  # the ACR scale, from "bad" to "excellent": ITU-T P.800 annex B
UNKNOWN_VERSION = "unknown"  # of an engine that does not tell its version: for now, or ever


class FailureClass(StrEnum):
    """What a failure calls for."""

    BAD_INPUT = "bad_input"  # the audio cannot be scored: the job fails now
    TRANSIENT = "transient"  # another try may do better: retried with backoff, counted as a failure
    THROTTLED = "throttled"  # the engine asks for patience: the job waits, no attempt is spent
    LICENCE = "licence"  # no licence for now: the mode is held and probed, no job fails
    CONFIG = "config"  # the host is set up wrongly: held likewise, until somebody mends what is named


class EngineError(Exception):
    """An engine's failure: its class, a code for machines, and a message that says what is wrong and what to do.

    `file` is the one of the job's two files that it is about; None where it is about neither, or both.
    """

    def __init__(self, failure_class: FailureClass, code: str, message: str, file: Role | None = None) -> None:
        super().__init__(failure_class, code, message, file)  # all of them, so that a pickled copy is whole
        self.failure_class = failure_class
        self.code = code
        self.message = message
        self.file = file

    def __str__(self) -> str:
        return f"{self.failure_class}, {self.code}: {self.message}"


@dataclass(frozen=True)
class Description:
    """An engine at one version (or UNKNOWN_VERSION), the scales that it scores on, and how it is set.

    `limit_seconds` is there where the engine itself ends a run that takes so long, as one does that knows how long to
    be patient with a tool that pauses. `unit` are lines for the worker's unit, see `worker.hardening`.
    """

    name: str
    version: str
    modes: tuple[Mode, ...]
    default_mode: str
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    limit_seconds: float | None = None
    unit: tuple[str, ...] = ()

    def mode(self, name: str) -> Mode:
        """The mode of that name. Raises EngineError (`config`) where the engine has none."""
        for mode in self.modes:
            if mode.name == name:
                return mode
        known = ", ".join(mode.name for mode in self.modes)
        message = f"{self.name} has no mode {name!r}, only {known}. Compare the pool's modes with the engine's."
        raise EngineError(FailureClass.CONFIG, "unknown_mode", message)


@dataclass(frozen=True)
class Score:
    """A score on the mode's scale (MOS), and whatever else the engine knows: plain JSON values, finite numbers.

    `warnings` are what the engine says against its own score, in words for whoever reads the result.
    """

    mos_lqo: float
    details: dict[str, JsonValue] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Engine(Protocol):
    """One scorer of speech. A seat's child process owns it and calls it from one thread."""

    def describe(self) -> Description:
        """What it is; cheap, and without loading the engine. Raises EngineError where it is not installed."""
        ...

    def self_test(self) -> None:
        """Load everything and score something, so that the next score is a warm one. Raises EngineError."""
        ...

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        """Score one WAV file against another; `scratch` is an empty directory to write to. Raises EngineError."""
        ...


def check_score(score: Score, mode: Mode) -> None:
    """Raises EngineError where the score is NaN or outside the mode's scale.

    It is `transient`: the client is not to blame, and one odd recording must not hold the whole mode as `config` would.
    """
    if LOWEST_MOS <= score.mos_lqo <= mode.ceiling:  # NaN is in no range
        return
    message = f"The engine gave {score.mos_lqo}, outside {LOWEST_MOS} to {mode.ceiling} of mode {mode.name}."
    raise EngineError(FailureClass.TRANSIENT, "unusable_score", message)
