"""The stream pump treats changes as Lambda does: filtered, in order, and from the first that failed on again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from queue import Queue
from typing import TYPE_CHECKING, cast

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from sandbox.function import Context, Event, Function
from sandbox.stream_pump import StreamPump, matches
from shared import items
from shared.claims import Claims
from shared.job import Job
from shared.job_table import JobTable, job_key
from shared.jobs import Jobs
from shared.object_keys import result_key
from shared.resources import STREAM_FILTERS
from tests.cloud import Resources
from tests.jobs_for_tests import ETAGS, new_job, result

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient

PATIENCE = 30.0

Record = Mapping[str, JsonValue]
Answer = Callable[[list[Record]], object]


class Pumped:
    """A table whose stream is pumped to a stand-in handler; what that is given arrives in `batches`."""

    def __init__(self, resources: Resources) -> None:
        clients = resources.clients
        self.streams = boto3.client("dynamodbstreams", endpoint_url=resources.cloud.endpoint)
        self.table = JobTable(clients.dynamodb, resources.table)
        self.jobs, self.claims = Jobs(self.table), Claims(self.table, "host-a")
        self.batches: Queue[list[Record]] = Queue()
        self.answer: Answer = lambda records: {"batchItemFailures": []}
        self.function = Function("stand-in", self._handle)
        self.pump = self.another_pump()

    def another_pump(self) -> StreamPump:
        return StreamPump(self.table.client, self.streams, self.table.name, self.function)

    def cancelled(self, count: int) -> list[str]:
        """The ids of jobs that were created and ended, in the order of their ends."""
        jobs = [self.jobs.create(new_job()) for _ in range(count)]
        return [self.jobs.cancel(job).id for job in jobs]

    def given(self) -> list[list[str]]:
        """The jobs of each batch that the function was given."""
        return [[job_of(record) for record in self.batches.get_nowait()] for _ in range(self.batches.qsize())]

    def turns(self) -> None:
        """Until there is nothing more."""
        while self.pump.turn():
            continue

    def _handle(self, event: Event, context: Context) -> object:
        records = [record for record in cast(list[JsonValue], event["Records"]) if isinstance(record, dict)]
        self.batches.put(list(records))
        answer = self.answer(list(records))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def pumped(resources: Resources) -> Iterator[Pumped]:
    pumped = Pumped(resources)
    yield pumped
    pumped.function.stop()


def change(record: Record) -> dict[str, dict[str, dict[str, str]]]:
    return cast(dict[str, dict[str, dict[str, str]]], record["dynamodb"])


def job_of(record: Record) -> str:
    return change(record)["Keys"]["pk"]["S"].removeprefix("JOB#")


def number_of(record: Record) -> str:
    return str(cast(dict[str, JsonValue], record["dynamodb"])["SequenceNumber"])


def failing(job_id: str) -> Answer:
    """Tells the record of that job as failed, and those after it."""

    def answer(records: list[Record]) -> object:
        numbers = [number_of(record) for record in records if job_of(record) == job_id]
        return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}

    return answer


def test_of_a_jobs_whole_way_its_end_and_its_removal_are_handed_on(pumped: Pumped) -> None:
    job = pumped.jobs.queue(pumped.jobs.create(new_job()), ETAGS)
    pumped.jobs.sent(job)
    claimed = pumped.claims.begin(pumped.claims.claim(pumped.claims.put_back(pumped.claims.claim(job.id)).id))
    done = pumped.claims.commit(claimed, result(), result_key(job.id, claimed.attempt))
    pumped.jobs.settled(done, 1)
    pumped.jobs.delete(done)
    pumped.turns()
    end, removal = pumped.batches.get_nowait()
    assert (end["eventName"], removal["eventName"]) == ("MODIFY", "REMOVE")
    assert (end["eventSource"], end["awsRegion"]) == ("aws:dynamodb", "eu-central-1")
    assert [change(end)[image]["state"]["S"] for image in ("OldImage", "NewImage")] == ["running", "succeeded"]
    assert "NewImage" not in change(removal)
    assert number_of(end) < number_of(removal)


def test_other_items_are_not_handed_on(pumped: Pumped) -> None:
    for sort_key in ("POLL", "RELEASED", "ONCE", "COUNT#00"):
        key = items.pack({"pk": "JOB#x", "sk": sort_key})
        pumped.table.client.put_item(TableName=pumped.table.name, Item=key)
        pumped.table.client.delete_item(TableName=pumped.table.name, Key=key)
    assert pumped.pump.turn() == 8
    assert pumped.given() == []


def test_changes_come_in_their_order(pumped: Pumped) -> None:
    ended = pumped.cancelled(60)  # twice as many records, and so more than a batch
    pumped.turns()
    assert list(chain(*pumped.given())) == ended


def test_from_the_first_that_failed_on_all_come_again_and_none_before_it(pumped: Pumped) -> None:
    ended = pumped.cancelled(5)
    pumped.answer = failing(ended[2])
    pumped.pump.turn()
    assert pumped.pump.turn() == 0
    pumped.answer = lambda _: None
    pumped.turns()
    assert pumped.given() == [ended, ended[2:], ended[2:]]


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("told to"),
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": "of no record"}]},
        "text",
    ],
)
def test_a_batch_that_fails_as_a_whole_comes_again_as_a_whole(pumped: Pumped, failure: object) -> None:
    ended = pumped.cancelled(3)
    pumped.answer = lambda _: failure
    assert pumped.pump.turn() == 0
    pumped.answer = lambda _: None
    pumped.turns()
    assert pumped.given() == [ended, ended]


def test_an_iterator_that_has_expired_is_no_end(pumped: Pumped) -> None:
    first = pumped.cancelled(2)
    pumped.turns()
    second = pumped.cancelled(2)
    with once(pumped.streams, "GetRecords", aged):
        pumped.pump.start()
        assert [job_of(record) for record in pumped.batches.get(timeout=PATIENCE)] == first
        assert [job_of(record) for record in pumped.batches.get(timeout=PATIENCE)] == second
        pumped.pump.stop()


def test_a_stream_that_was_trimmed_meanwhile_goes_on_from_what_it_has(pumped: Pumped) -> None:
    ended = pumped.cancelled(2)
    pumped.answer = failing(ended[1])
    pumped.pump.turn()
    pumped.answer = lambda _: None

    def forgotten(params: dict[str, object]) -> None:
        params["SequenceNumber"] = "0" * 30  # the cloud keeps a record for a day

    with once(pumped.streams, "GetShardIterator", forgotten):
        pumped.pump.start()
        pumped.batches.get(timeout=PATIENCE)
        assert [job_of(record) for record in pumped.batches.get(timeout=PATIENCE)] == ended
        pumped.pump.stop()


def test_another_pump_begins_at_the_beginning(pumped: Pumped) -> None:
    ended = pumped.cancelled(3)
    pumped.turns()
    pumped.pump = pumped.another_pump()
    pumped.turns()
    assert pumped.given() == [ended, ended]


def test_a_pump_that_is_stopped_finishes_what_there_is(pumped: Pumped) -> None:
    ended = pumped.cancelled(120)
    pumped.pump.start()
    pumped.pump.stop()
    assert list(chain(*pumped.given())) == ended


def test_a_pump_that_is_stopped_does_not_wait_for_what_fails(pumped: Pumped) -> None:
    pumped.cancelled(1)
    pumped.answer = lambda _: RuntimeError("for ever")
    pumped.pump.start()
    pumped.batches.get(timeout=PATIENCE)
    pumped.pump.stop()


def aged(params: dict[str, object]) -> None:
    """Make an iterator look as if it was given out long ago."""
    told = json.loads(base64.urlsafe_b64decode(str(params["ShardIterator"])))
    params["ShardIterator"] = base64.urlsafe_b64encode(json.dumps({**told, "i": 0}).encode()).decode()


@contextmanager
def once(
    client: DynamoDBStreamsClient, operation: str, change_params: Callable[[dict[str, object]], None]
) -> Iterator[None]:
    """Change the parameters of the next such call."""
    event = f"provide-client-params.dynamodb-streams.{operation}"
    left = [change_params]

    def provide(params: dict[str, object], **_: object) -> None:
        if left:
            left.pop()(params)

    client.meta.events.register(event, provide)
    try:
        yield
    finally:
        client.meta.events.unregister(event, provide)
        assert not left


# Filters: as said in plain words, against the rules that AWS is given.

SORT_KEYS = st.sampled_from(
    ["JOB", "META", "POLL", "RELEASED", "ONCE", "IN_FLIGHT", "COUNT#07", "DAY#2026-11-22", "JOBS"]
)
IMAGES = st.none() | st.fixed_dictionaries(
    {"pk": st.just("JOB#1"), "state": st.sampled_from(["queued", "succeeded"])},
    optional={"expires_at": st.integers(0, 2**40), "check_at": st.integers(0, 2**40), "sha256": st.just("ab")},
)


@given(SORT_KEYS, IMAGES, IMAGES)
def test_the_filters_let_through_removals_of_jobs_batches_and_references_and_ends_of_jobs(
    sort_key: str, before: dict[str, JsonValue] | None, after: dict[str, JsonValue] | None
) -> None:
    name = "MODIFY" if before and after else "REMOVE" if before else "INSERT"
    images = {"OldImage": before, "NewImage": after}
    dynamodb: dict[str, object] = {side: items.pack(image) for side, image in images.items() if image}
    event = {"eventName": name, "dynamodb": {"Keys": items.pack({"pk": "JOB#1", "sk": sort_key}), **dynamodb}}
    removal = name == "REMOVE" and (sort_key in ("JOB", "META") or "sha256" in (before or {}))
    end = (
        name == "MODIFY" and sort_key == "JOB" and "expires_at" in (after or {}) and "expires_at" not in (before or {})
    )
    assert any(matches(rule, cast(JsonValue, event)) for rule in STREAM_FILTERS) == (removal or end)


def test_what_the_filters_take_for_an_end_is_one(pumped: Pumped) -> None:
    """They know an end by its life."""

    def seen(job: Job) -> bool:
        return "expires_at" in (pumped.table.read(job_key(job.id)) or {})

    job = pumped.jobs.queue(pumped.jobs.create(new_job()), ETAGS)
    claimed = pumped.claims.claim(job.id)
    for before in (job, claimed):
        assert (seen(before), before.ended) == (False, False)
    ended = pumped.claims.commit(claimed, result(), result_key(job.id, 1))
    assert (seen(ended), ended.ended) == (True, True)
