"""The child process of a seat: it owns the engine, and answers one task after another until its parent hangs up.

Run as `python -m worker.seat_child ENGINE LINK_FD PARENT_PID`; only a seat does so.
"""

import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from shared import logs
from worker import engines, processes
from worker.disk import is_full, no_room
from worker.engines.engine import Engine, EngineError, FailureClass, Score, check_score
from worker.seat_messages import decode_task, encode_error, encode_ready, encode_score

log = logs.get(__name__)


def main(engine: str, link_fd: int, parent_pid: int) -> None:
    """Serve the parent at the other end of `link_fd`; return when it hangs up or the engine is not fit."""
    processes.die_with_parent(parent_pid)
    processes.ignore_stop_signals()
    processes.volunteer_for_oom_kill()
    logs.configure("seat", sys.stderr)
    os.set_inheritable(link_fd, False)  # or an engine's own child would keep the link open after us
    link = Connection(os.dup(link_fd))  # the first stays open to the end: the parent hears of it when we are truly gone
    with suppress(EOFError, OSError):
        _serve(engine, link)


def _serve(name: str, link: Connection) -> None:
    try:
        engine, version = _fit_engine(name)
    except EngineError as error:
        link.send_bytes(encode_error(error))
        return
    link.send_bytes(encode_ready(version))
    while True:
        link.send_bytes(_answer(engine, link.recv_bytes()))


def _fit_engine(name: str) -> tuple[Engine, str]:
    """The engine, warm, and its version. Whatever else goes wrong here would go wrong for every job: `config`."""
    try:
        engine = engines.load(name)
        engine.self_test()
        return engine, engine.describe().version
    except EngineError:
        raise
    except Exception as error:
        log.exception("self_test_failed")
        message = f"{type(error).__name__}: {error}"  # for the operator: no client ever sees what is `config`
        raise EngineError(FailureClass.CONFIG, "self_test_failed", message) from error


def _answer(engine: Engine, message: bytes) -> bytes:
    try:
        return encode_score(_score(engine, message))
    except EngineError as error:
        return encode_error(error)


def _score(engine: Engine, message: bytes) -> Score:
    task = decode_task(message)
    mode = engine.describe().mode(task.mode)
    try:
        score = engine.score(Path(task.reference), Path(task.degraded), task.mode, Path(task.scratch))
    except EngineError:
        raise
    except Exception as error:
        if is_full(error):
            raise no_room(error) from error
        log.exception("engine_fault", directory=task.scratch)
        told = "The engine broke in a way that it must never; the seat's log says how."
        raise EngineError(FailureClass.TRANSIENT, "engine_fault", told) from error
    check_score(score, mode)
    return score


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
