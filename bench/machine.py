"""What else runs on this machine: figures taken beside much of it say little."""

from __future__ import annotations

import os
import time

import psutil

from bench.process import cpu_seconds
from bench.report import Figure


class Machine:
    """Looked at from its making on."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._others = _others_seconds()

    def figures(self) -> dict[Figure, float]:
        """What every bench shows beside what it measured."""
        cpus = (_others_seconds() - self._others) / (time.monotonic() - self._since)
        return {
            Figure("CPUs that others used meanwhile", 2): max(cpus, 0),  # the kernel counts its own share in this too
            Figure("load average of the machine, 1 min", 1): os.getloadavg()[0],
        }


def _others_seconds() -> float:
    """The time that the machine's CPUs have worked for others than this process and its children."""
    times, this = psutil.cpu_times(), psutil.Process()
    ours = sum(cpu_seconds(process) for process in (this, *this.children(recursive=True)))
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice - ours
