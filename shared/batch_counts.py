"""The counts of a batch: jobs by state, and its scores as sums and histograms, in shards by job.

A transition of a batch's job and its counts are one transaction, so the counts are exact, whatever is repeated.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from shared import items
from shared.states import ENDS, State

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import UpdateTypeDef

    from shared.job import Job
    from shared.job_table import JobTable

SHARDS = 16
STEP = 0.05  # of the histogram, in MOS

_STATE, _SUM, _BIN, _DELETED = "state", "sum", "bin", "deleted"


@dataclass
class Scale:
    """Scores that may be compared: of one engine at one version, in one mode.

    By index of STEP, `bins` counts them and `sums` adds them up.
    """

    engine: str
    version: str
    mode: str
    bins: Counter[int] = field(default_factory=Counter)
    sums: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, mos_lqo: float) -> None:
        """Count one score."""
        self.bins[bin_of(mos_lqo)] += 1
        self.sums[bin_of(mos_lqo)] += mos_lqo

    @property
    def count(self) -> int:
        """How many scores."""
        return self.bins.total()

    @property
    def mean(self) -> float:
        """Their mean, in MOS."""
        return math.fsum(self.sums.values()) / self.count

    def histogram(self) -> list[tuple[float, int]]:
        """The lower end of each bin that holds scores, in MOS, and how many it holds."""
        return [(round(index * STEP, 2), count) for index, count in sorted(self.bins.items())]

    def percentile(self, percent: float) -> float:
        """The mean of the scores in the bin that holds it: less than a STEP off, never beyond the lowest or highest
        score. Nearest rank.
        """
        rank = max(1, math.ceil(self.count * percent / 100))
        for index in sorted(self.bins):
            rank -= self.bins[index]
            if rank <= 0:
                return self.sums[index] / self.bins[index]
        raise ValueError("there are no scores")


@dataclass
class Counts:
    """How many jobs are in each state, and the scores so far, by scale; the `deleted` ones are among them."""

    states: Counter[State] = field(default_factory=Counter)
    deleted: int = 0
    scales: dict[tuple[str, str, str], Scale] = field(default_factory=dict)

    @property
    def jobs(self) -> int:
        """All jobs of the batch."""
        return self.states.total()

    @property
    def ended(self) -> int:
        """Jobs that reached an end."""
        return sum(self.states[state] for state in ENDS)


def bin_of(mos_lqo: float) -> int:
    """The index of the bin that a score is in."""
    return math.floor(round(mos_lqo / STEP, 6))  # rounded: 3.35 / 0.05 is 67.00000000000001, 1.15 / 0.05 is 22.99…


def moved(table: JobTable, before: Job, after: Job) -> UpdateTypeDef:
    """The update that counts a job's way from one state to another."""
    added: dict[str, JsonValue] = {f"{_STATE}|{after.state}": int(before.state is not after.state)}
    if before.state is not after.state:
        added[f"{_STATE}|{before.state}"] = -1
    if after.result and after.result.mos_lqo is not None:
        scale = "|".join((after.result.engine.name, after.result.engine.version, after.result.mode))
        index = bin_of(after.result.mos_lqo)
        added[f"{_SUM}|{scale}|{index}"] = after.result.mos_lqo
        added[f"{_BIN}|{scale}|{index}"] = 1
    return _adding(table, after, added)


def added(table: JobTable, jobs: Sequence[Job]) -> list[UpdateTypeDef]:
    """The updates that count new jobs of one batch: one for each shard that any of them is counted in."""
    by_shard: defaultdict[int, list[Job]] = defaultdict(list)
    for job in jobs:
        by_shard[_shard_of(job)].append(job)
    return [_adding(table, some[0], {f"{_STATE}|{some[0].state}": len(some)}) for some in by_shard.values()]


def deleted(table: JobTable, job: Job) -> UpdateTypeDef:
    """The update that counts the deletion of a job by its owner. What was counted of it stays."""
    return _adding(table, job, {_DELETED: 1})


def _adding(table: JobTable, job: Job, added: dict[str, JsonValue]) -> UpdateTypeDef:
    names = {f"#n{number}": name for number, name in enumerate(added)}
    values = {f":n{number}": value for number, value in enumerate(added.values())}
    return {
        "TableName": table.name,
        "Key": items.pack(_key_of(job)),
        "UpdateExpression": "ADD " + ", ".join(f"#n{number} :n{number}" for number in range(len(added))),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": items.pack(values),
    }


def read(table: JobTable, batch: str) -> Counts:
    """The counts as they are, read consistently. None of a batch is none."""
    response = table.attempts(
        lambda: table.client.query(
            TableName=table.name,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :count)",
            ExpressionAttributeValues=items.pack({":pk": f"BATCH#{batch}", ":count": "COUNT#"}),
        )
    )
    return gathered(items.unpack(item) for item in response["Items"])


def remove(table: JobTable, batch: str) -> None:
    """Remove the counts of a batch that is gone. Again is harmless."""
    for shard in range(SHARDS):
        key = items.pack(_shard_key(batch, shard))
        table.attempts(partial(table.client.delete_item, TableName=table.name, Key=key))


def remove_of(table: JobTable, job: Job) -> None:
    """Remove the shard that a job is counted in, whose batch is gone. Again is harmless."""
    key = items.pack(_key_of(job))
    table.attempts(lambda: table.client.delete_item(TableName=table.name, Key=key))


def gathered(shards: Iterable[dict[str, JsonValue]]) -> Counts:
    """The shards' counts in one."""
    counts = Counts()
    for shard in shards:
        for name, value in shard.items():
            _gather(counts, name, value)
    return counts


def _gather(counts: Counts, name: str, value: JsonValue) -> None:
    kind, *rest = name.split("|")
    if not isinstance(value, int | float):
        return
    if kind == _STATE:
        counts.states[State(rest[0])] += int(value)
    elif kind == _DELETED:
        counts.deleted += int(value)
    elif kind in (_SUM, _BIN):
        engine, version, mode, index = rest
        scale = counts.scales.setdefault((engine, version, mode), Scale(engine, version, mode))
        if kind == _SUM:
            scale.sums[int(index)] += value
        else:
            scale.bins[int(index)] += int(value)


def _key_of(job: Job) -> dict[str, JsonValue]:
    return _shard_key(str(job.batch), _shard_of(job))


def _shard_of(job: Job) -> int:
    return int(job.id[:8], 16) % SHARDS


def _shard_key(batch: str, shard: int) -> dict[str, JsonValue]:
    return {"pk": f"BATCH#{batch}", "sk": f"COUNT#{shard:02d}"}
