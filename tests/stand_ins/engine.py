"""A stand-in for an engine, to put in a seat as `tests.stand_ins.engine:StandInEngine`. Its scores mean nothing.

It does what the reference file says, a JSON object whose `do` names one of `_ORDERS`; in its self-test it does what the
variable STAND_IN_SELF_TEST says in the same form. The order `wait` shows that it has begun by writing process ids to
the FIFO `begun` in the scratch directory, and goes on once somebody opens the FIFO `go` beside it for writing.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import JsonValue

from shared.job import Role
from shared.pools import Mode
from worker.engines.engine import Description, EngineError, FailureClass, Score
from worker.processes import die_with_parent

NAME = "tests.stand_ins.engine:StandInEngine"
SELF_TEST = "STAND_IN_SELF_TEST"

_MODE = Mode(name="any", reference_rates_hz=(16000,), degraded_rates_hz=(16000,), same_rate=True, ceiling=4.5)


class StandInEngine:
    """An engine that does as it is told."""

    def describe(self) -> Description:
        return Description("stand-in", "1.0", (_MODE,), _MODE.name, {"note": "this is a stand-in"})

    def self_test(self) -> None:
        order = json.loads(os.environ.get(SELF_TEST, '{"do": "score"}'))
        _ORDERS[order.pop("do")](Path.cwd(), **order)

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        order = json.loads(reference.read_text())
        return _ORDERS[order.pop("do")](scratch, **order)


def _score(scratch: Path, mos: float = 3.0) -> Score:
    return Score(mos)


def _score_not_json(scratch: Path) -> Score:
    return Score(3.0, {"series": {0.5}})  # type: ignore[dict-item]


def _fail(scratch: Path, failure_class: str, file: str | None = None) -> Score:
    message = "This is a stand-in, told to fail."
    raise EngineError(FailureClass(failure_class), "told_to", message, Role(file) if file else None)


def _break(scratch: Path) -> Score:
    raise ZeroDivisionError("this is a stand-in")


def _write(scratch: Path, path: str) -> Score:
    Path(path).write_text("this is a stand-in")
    return Score(3.0)


def _kill_itself(scratch: Path, number: int) -> Score:
    os.kill(os.getpid(), number)
    raise AssertionError("still alive")


def _exit(scratch: Path, code: int) -> Score:
    sys.exit(code)


def _print(scratch: Path) -> Score:
    os.write(1, b"this is a stand-in\x00" * 10000)
    return Score(3.0)


def _show_environment(scratch: Path) -> Score:
    return Score(3.0, {"environment": dict(os.environ)})


def _start_grandchild(*, bound: bool) -> int:
    """Its pid. Unless bound to its parent it is the worst of engine processes: it holds every file that it inherits."""
    bind = partial(die_with_parent, os.getpid()) if bound else None
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(sleep, preexec_fn=bind, close_fds=bound).pid


def _say(scratch: Path, message: str) -> Score:
    """Talk to the parent behind the back of the process's own code: the worst that an engine may do to it."""
    Connection(os.dup(int(sys.argv[2]))).send_bytes(message.encode())
    return Score(3.0)


def _once(scratch: Path, path: str, then: dict[str, JsonValue]) -> Score:
    """That order while there is no file at that path, which is there from then on; afterwards a score."""
    if Path(path).exists():
        return Score(3.0)
    Path(path).touch()
    return _ORDERS[str(then.pop("do"))](scratch, **then)


def _wait(scratch: Path, grandchild: str | None = None) -> Score:
    pids = [os.getpid()]
    if grandchild:
        pids.append(_start_grandchild(bound=grandchild == "bound"))
    (scratch / "begun").write_text(json.dumps(pids))
    (scratch / "go").read_text()
    return Score(3.0)


_ORDERS: Mapping[str, Callable[..., Score]] = {
    "score": _score,
    "score_not_json": _score_not_json,
    "fail": _fail,
    "break": _break,
    "kill_itself": _kill_itself,
    "exit": _exit,
    "print": _print,
    "write": _write,
    "say": _say,
    "once": _once,
    "show_environment": _show_environment,
    "wait": _wait,
}


def write_order(scratch: Path, **order: JsonValue) -> Path:
    """Write an order as a reference file, and the FIFOs of `wait`, into a fresh scratch directory; that file."""
    os.mkfifo(scratch / "begun")
    os.mkfifo(scratch / "go")
    reference = scratch / "reference.wav"
    reference.write_text(json.dumps(order))
    return reference
