"""The sweeper removes what is over, as the table's time to live does, and nothing else."""

from __future__ import annotations

import boto3
import pytest

from sandbox.sweeper import Sweeper
from shared import items
from tests.clock import SettableClock
from tests.cloud import Resources


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def sweeper(resources: Resources, clock: SettableClock) -> Sweeper:
    return Sweeper(resources.clients.dynamodb, resources.table, clock)


def test_what_is_over_goes_and_what_is_not_stays(sweeper: Sweeper, resources: Resources, clock: SettableClock) -> None:
    put(resources, "over", clock.now - 1)
    put(resources, "just over", clock.now)
    put(resources, "alive", clock.now + 1)
    put(resources, "without an end", None)
    assert sweeper.sweep() == 2
    assert names(resources) == {"alive", "without an end"}


def test_what_is_alive_goes_once_its_time_has_come(
    sweeper: Sweeper, resources: Resources, clock: SettableClock
) -> None:
    put(resources, "alive", clock.now + 60)
    assert sweeper.sweep() == 0
    clock.move(60)
    assert sweeper.sweep() == 1
    assert names(resources) == set()


def test_an_item_renewed_after_it_was_found_survives(
    sweeper: Sweeper, resources: Resources, clock: SettableClock
) -> None:
    put(resources, "renewed", clock.now - 1)
    put(resources, "over", clock.now - 1)
    found = sweeper.find_over()
    put(resources, "renewed", clock.now + 60)
    assert sorted(sweeper.delete_if_over(key) for key in found) == [False, True]
    assert names(resources) == {"renewed"}


def test_an_item_that_is_gone_already_is_no_error(sweeper: Sweeper, resources: Resources, clock: SettableClock) -> None:
    put(resources, "over", clock.now - 1)
    (key,) = sweeper.find_over()
    resources.clients.dynamodb.delete_item(TableName=resources.table, Key=key)
    assert sweeper.delete_if_over(key) is False


def test_the_stream_shows_the_removal_with_what_the_item_was(
    sweeper: Sweeper, resources: Resources, clock: SettableClock
) -> None:
    put(resources, "over", clock.now - 1)
    sweeper.sweep()
    names_of_events = [(event, old) for event, old in stream(resources)]
    assert names_of_events == [("INSERT", None), ("REMOVE", "over")]


def put(resources: Resources, name: str, expires_at: float | None) -> None:
    end = None if expires_at is None else int(expires_at)
    item = items.pack({"pk": f"JOB#{name}", "sk": "JOB", "name": name, "expires_at": end})
    resources.clients.dynamodb.put_item(TableName=resources.table, Item=item)


def names(resources: Resources) -> set[object]:
    found = resources.clients.dynamodb.scan(TableName=resources.table, ConsistentRead=True)["Items"]
    return {items.unpack(item)["name"] for item in found}


def stream(resources: Resources) -> list[tuple[str, str | None]]:
    arn = resources.clients.dynamodb.describe_table(TableName=resources.table)["Table"]["LatestStreamArn"]
    streams = boto3.client("dynamodbstreams", endpoint_url=resources.cloud.endpoint)
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
    changes = [(record["eventName"], record["dynamodb"].get("OldImage")) for record in records]
    return [(event, old["name"]["S"] if old else None) for event, old in changes]
