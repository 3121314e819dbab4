"""Mosaic's worker as one of those who are measured. It does what the others need not: table, files, results."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import boto3

from bench import host
from bench.peers import mosaic_engine
from bench.peers.group import Command
from bench.peers.site import SEATS, Site, Work
from bench.runs import Run
from bench.service import LANE, POOL, Service
from shared import items
from shared.job import Job
from shared.resources import lane_queue
from shared.states import State

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef


class MosaicSite(Site):
    """A service of its own, and a worker for it."""

    def __init__(self, directory: Path, work: Work, prefetch: int) -> None:
        self._service, self._prefetch, self._started = Service.fresh(), prefetch, 0
        self._streams = boto3.client("dynamodbstreams")
        super().__init__(directory, work)

    def put(self, seconds: Sequence[float]) -> list[str]:
        """As the API leaves them."""
        self.queue_url = self._service.queue_urls[lane_queue(POOL.name, LANE)]
        return self._service.put_backlog(len(seconds))

    def commands(self) -> Sequence[Command]:
        """One worker with all seats. Each that is started is another host."""
        self._started += 1
        self.environment |= host.told(
            self._service,
            self.place.directory / str(self._started),
            engine=mosaic_engine.NAME,
            host=f"bench-{self._started}",
            seats=SEATS,
            prefetch=self._prefetch,
        )
        return [[sys.executable, "-m", "worker"]]

    def commits(self) -> Sequence[Run]:
        """Every write that made a job succeed, as the table's stream has it."""
        wall = time.time() - time.monotonic()  # the table has the time of day
        return [
            Run(after.id, 0, at, at)
            for before, after in self._changes()
            if after.state is State.SUCCEEDED and before.result_key != after.result_key
            for at in [after.times[State.SUCCEEDED] - wall]
        ]

    def _changes(self) -> Iterator[tuple[Job, Job]]:
        """Every change of a job that there was: the job before and after it."""
        arn = self._service.dynamodb.describe_table(TableName=self._service.name)["Table"]["LatestStreamArn"]
        streams = self._streams
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        cursor = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        while (page := streams.get_records(ShardIterator=cursor))["Records"]:
            cursor = page["NextShardIterator"]
            for record in page["Records"]:
                before, after = record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage")
                if before and after and after["sk"] == {"S": "JOB"}:
                    yield _job(before), _job(after)


def _job(image: object) -> Job:
    return Job.model_validate(items.unpack(cast("Mapping[str, AttributeValueTypeDef]", image)))
