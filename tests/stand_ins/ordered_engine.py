"""A stand-in for an engine that goes the whole way: its orders come inside real WAV files. Its scores mean nothing.

Put into a worker as `tests.stand_ins.ordered_engine:OrderedEngine`. The order is a chunk of the reference file; what
`wait` waits for are FIFOs in a directory that the order names.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from shared.pools import Mode
from tests.wavs import chunk, wav
from worker.engines.engine import Description, EngineError, FailureClass, Score

NAME = "tests.stand_ins.ordered_engine:OrderedEngine"
_ORDER = b"ordr"

_MODE = Mode(
    name="wb", reference_rates_hz=(16000, 48000), degraded_rates_hz=(16000, 48000), same_rate=True, ceiling=5.0
)


class OrderedEngine:
    """An engine that does as its reference file says."""

    def describe(self) -> Description:
        return Description("stand-in", "1.0", (_MODE,), _MODE.name, {"note": "this is a stand-in"})

    def self_test(self) -> None:
        """Nothing to warm."""

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        order = _read(reference)
        match order["do"]:
            case "sleep":
                time.sleep(float(str(order["seconds"])))
            case "wait":
                _meet(Path(str(order["at"])))
            case "die":
                os.kill(os.getpid(), int(str(order["signal"])))
            case "need_licence":
                if Path(str(order["lost"])).exists():
                    raise EngineError(FailureClass.LICENCE, "no_licence", "This is a stand-in without a licence.")
            case "fail":
                raise EngineError(FailureClass(str(order["failure_class"])), "told_to", "This is a stand-in.")
        return Score(3.0)


@dataclass(frozen=True)
class Meeting:
    """A place where a test waits for an engine to have begun, and the engine for the test's word."""

    directory: Path

    @classmethod
    def at(cls, directory: Path) -> Meeting:
        """Prepare one in a directory that is made for it."""
        directory.mkdir()
        os.mkfifo(directory / "begun")
        os.mkfifo(directory / "go")
        return cls(directory)

    @property
    def order(self) -> dict[str, JsonValue]:
        """The order that sends an engine here."""
        return {"do": "wait", "at": str(self.directory)}

    def wait_begun(self) -> int:
        """Block until an engine has begun; its process id."""
        return int((self.directory / "begun").read_text())

    def open(self) -> None:
        """Let every engine that comes from here on begin and end without a word."""
        for name in ("begun", "go"):
            (self.directory / name).unlink()
            (self.directory / name).write_text("go")

    def let_go(self) -> None:
        """Let the engine that waits end its score."""
        (self.directory / "go").write_text("go")


def ordered_wav(order: dict[str, JsonValue]) -> bytes:
    """A second of noise at the level of speech, with an order in it."""
    samples = np.random.default_rng(1).normal(0, 0.05, 16000)
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    return wav(samples=pcm, before=[chunk(_ORDER, json.dumps(order).encode())])


def _read(reference: Path) -> dict[str, JsonValue]:
    content = reference.read_bytes()
    start = content.index(_ORDER)
    size = int.from_bytes(content[start + 4 : start + 8], "little")
    order: dict[str, JsonValue] = json.loads(content[start + 8 : start + 8 + size])
    return order


def _meet(place: Path) -> None:
    (place / "begun").write_text(str(os.getpid()))
    (place / "go").read_text()
