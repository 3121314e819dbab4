"""What the simulated service is told: its seed, how long jobs take, and how a host is set up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.simulation.jobs import Lengths
from bench.simulation.worker import Host

SEED = 863

# ViSQOL on one core for two files of 5.5 MB: 57.3 s of speech at 48 kHz each (`python -m bench.call_seconds`).
# How long POLQA takes nobody publishes: a host of yours tells it, as `score_mean` in its log's line `minute`.
JOB_SECONDS = 11.4
SPREAD = 0.5  # of the lengths of calls: their standard deviation by their mean. An assumption

# From a message to its job being ready, in AWS: the receive and the claim 0.03, both files 0.3 (S3's first bytes, and
# 11 MB at 50 MB/s), measuring both 0.2.
LEAD_SECONDS = 0.5
GAP_SECONDS = 0.003  # between two runs, as `python -m bench.seat_use` has it

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Terms:
    """The same for every question."""

    seed: int
    lengths: Lengths
    host: Host

    def random(self, *of: int) -> np.random.Generator:
        """Randomness of its own for each day that is simulated, the same in each run."""
        return np.random.default_rng([self.seed, *of])


def at_once(function: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    """What the function gives for each task, on all cores. Both must be of a module, for they go to other processes."""
    with ProcessPoolExecutor() as processes:
        return list(processes.map(function, tasks))
