"""The kinds of jobs that participants are measured with."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, log

from bench.latency import SEED
from bench.peers.line_up import MOSAIC, MOSAIC_AHEAD, PEERS, Participant
from bench.peers.place import Kind
from bench.peers.site import SEATS, Work

SPARE = 30  # jobs more than can be done: a backlog that ends would leave seats idle


@dataclass(frozen=True)
class Workload:
    """Jobs that take from `least` to `most` seconds, as many of 1 to 2 s as of 2 to 4 s; the same for all.

    With `files` a peer's job fetches two and stores a result, as Mosaic's always does. `reach` is how well seats are to
    be used, at least, by participants' names.
    """

    name: str
    kind: Kind
    least: float
    most: float
    distant: bool = False
    files: bool = False
    reach: Mapping[str, float] = field(default_factory=dict)

    def backlog(self, seconds: float) -> Work:
        """More than the seats can do in so many seconds."""
        count = ceil(2 * SEATS * seconds / self._mean) + SPARE
        chance = random.Random(SEED)  # noqa: S311 - makes work, keeps no secret
        lengths = [self.least * (self.most / self.least) ** chance.random() for _ in range(count)]
        return Work(self.kind, lengths, self.distant, self.files)

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Who takes part, beside the engine alone."""
        return (MOSAIC, *([MOSAIC_AHEAD] if self.distant else []), *PEERS)

    @property
    def _mean(self) -> float:
        if self.least == self.most:
            return self.least
        return (self.most - self.least) / log(self.most / self.least)


# To reach: the design's section 13.
WORKLOADS = (
    Workload("100 ms of sleep", Kind.SLEEP, 0.1, 0.1, reach={MOSAIC.name: 0.97}),
    Workload(
        "100 ms of sleep, AWS-like latencies",
        Kind.SLEEP,
        0.1,
        0.1,
        distant=True,
        reach={MOSAIC.name: 0.94, MOSAIC_AHEAD.name: 0.97},
    ),
    Workload(
        "100 ms of sleep, AWS-like latencies, peers too fetch two files and store a result",
        Kind.SLEEP,
        0.1,
        0.1,
        distant=True,
        files=True,
    ),
    Workload("200 ms of CPU", Kind.CPU, 0.2, 0.2),
    Workload("1 s of CPU", Kind.CPU, 1, 1),
    Workload("0.1 to 3 s of CPU, mixed", Kind.CPU, 0.1, 3),
)
