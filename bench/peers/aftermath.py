"""What a fault cost: counted from what began, what was committed, and what its queue holds in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from bench.runs import Run


@dataclass(frozen=True)
class Aftermath:
    """How many jobs were lost, ran more than once, had more than one result; what is left; seconds to recover."""

    lost: int  # neither a result nor a message that could bring one
    repeated: int
    committed_twice: int
    left_invisible: int  # messages that nobody can receive for now
    seconds: float  # from the fault until the last job had its first result; nan where one never had


def aftermath(
    jobs: Sequence[str], begun: Sequence[Run], commits: Sequence[Run], messages: tuple[int, int], since: float
) -> Aftermath:
    """What is to be told of a participant: `messages` are those to be seen and in flight, `since` is the fault's time.

    A queue does not tell which jobs its messages are for; so as many as there are stand for jobs without a result.
    """
    first: dict[str, float] = {}
    for commit in commits:
        first[commit.job] = min(commit.end, first.get(commit.job, commit.end))
    missing = len(set(jobs) - first.keys())
    return Aftermath(
        lost=max(0, missing - sum(messages)),
        repeated=_more_than_once(begun),
        committed_twice=_more_than_once(commits),
        left_invisible=messages[1],
        seconds=nan if missing else max(first.values()) - since,
    )


def _more_than_once(of: Sequence[Run]) -> int:
    return sum(count > 1 for count in Counter(run.job for run in of).values())
