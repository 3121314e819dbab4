"""What was measured in rounds: each participant once a round, between two looks at the engine alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.peers.measure import Seen

UNSTEADY = 0.1  # a machine that does so much more or less at the end of a round has measured others differently


@dataclass(frozen=True)
class Rounds:
    """Those that count, each with what the engine alone did; and how many do not, for the machine was unsteady."""

    kept: list[Mapping[str, Seen]] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    dropped: int = 0


def with_round(rounds: Rounds, before: Seen, seen: Mapping[str, Seen], after: Seen) -> Rounds:
    """One more of them: dropped where the engine alone did more or less after it than before by over 10 %."""
    if not steady(before.work, after.work):
        return Rounds(rounds.kept, rounds.bare, rounds.dropped + 1)
    return Rounds([*rounds.kept, seen], [*rounds.bare, (before.work + after.work) / 2], rounds.dropped)


def steady(before: float, after: float) -> bool:
    """Whether these two differ by no more than 10 % of the smaller one."""
    return abs(after - before) <= UNSTEADY * min(before, after)
