"""How long AWS takes to answer, as far as a bench imitates it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist

SEED = 863  # of P.863: the same times at each run of a bench

_Z95 = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True)
class Latency:
    """A lognormal distribution of times, by the time that half of them take, and 95 of 100. In seconds."""

    p50: float
    p95: float

    def draw(self, chance: random.Random) -> float:
        """One time of it, in seconds."""
        return self.p50 * exp(chance.gauss(0, log(self.p95 / self.p50) / _Z95))


# The design's section 13: "SQS 20, table 8, S3 25/100 ms p50/p95". Of SQS and table one time is named: no spread.
AWS_LIKE = {"sqs": Latency(0.020, 0.020), "dynamodb": Latency(0.008, 0.008), "s3": Latency(0.025, 0.100)}
