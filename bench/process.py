"""A process that a bench starts and ends, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from sandbox.children import ROOT
from sandbox.readiness import VARIABLE, Listener
from worker.processes import die_with_parent

READY_SECONDS = 60.0


@contextmanager
def running(module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> Iterator[psutil.Process]:
    """`python -m module`, ready; killed in the end. Raises TimeoutError where it does not become ready."""
    with Listener() as listener, log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **environment, VARIABLE: listener.address},
            cwd=ROOT,
            stdin=subprocess.PIPE,  # the cloud ends when it ends
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
        try:
            _wait_ready(listener, module, log)
            listener.close()  # what it tells from now on nobody hears
            yield psutil.Process(process.pid)
        finally:
            process.kill()  # what is to be known of it was read, and nothing of it is kept
            process.communicate()


def cpu_seconds(process: psutil.Process) -> float:
    """What a process has used of a core so far, without its children, in seconds. The kernel counts in 10 ms."""
    times = process.cpu_times()
    return times.user + times.system


def _wait_ready(listener: Listener, module: str, log: Path) -> None:
    try:
        listener.wait_ready(READY_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"{module} did not become ready. Its log ends:\n{log.read_text()[-2000:]}") from None
