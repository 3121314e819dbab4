"""The functions in this process, on the embedded cloud, called when the test says so and at the time that it says."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from api import batch_starter, dead_letters, intake, reconciler, stream_reader, tenants, waiting
from api import service as service_module
from api.messages import Failures, Message
from api.settings import ApiSettings
from sandbox.function import Function, Handler
from sandbox.stream_pump import StreamPump
from sandbox.sweeper import Sweeper
from shared import items, settings
from shared.batches import Batches
from shared.claims import Claims
from shared.job import Job
from shared.jobs import Jobs
from shared.lives import LIVES, Lives
from shared.pools import Lane
from shared.resources import BATCHES_QUEUE, DEAD_QUEUE, UPLOADS_QUEUE, lane_queue
from tests.clock import SettableClock
from tests.cloud import POOL, Resources
from tests.requests import KEY_ID

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

FED_BY_QUEUES = {
    UPLOADS_QUEUE: intake.handler,
    BATCHES_QUEUE: batch_starter.handler,
    DEAD_QUEUE: dead_letters.handler,
}
TENANT = "acme"


class Functions:
    """Every function but the API's, which `tests.requests.request` calls, with pump and sweeper."""

    def __init__(self, resources: Resources, clock: SettableClock, lives: Lives) -> None:
        clients = resources.clients
        told = {
            **os.environ,
            "MOSAIC_TABLE": resources.table,
            "MOSAIC_BUCKET": resources.bucket,
            "MOSAIC_QUEUE_URLS": json.dumps(resources.queue_urls),
            "MOSAIC_POOLS": json.dumps([POOL.model_dump(mode="json")]),
            "MOSAIC_LIVES": lives.model_dump_json(),
        }
        read = settings.read(ApiSettings, told)
        self.parts = service_module.Service(read, clients.dynamodb, clients.s3, clients.sqs)
        self.clock, self.lives = clock, lives
        vars(self.parts)["jobs"] = self.jobs = Jobs(self.parts.table, clock, lives)
        vars(self.parts)["batches"] = Batches(self.parts.table, clock, lives)
        key = items.pack({"pk": f"KEY#{KEY_ID}", "sk": "KEY", "tenant": TENANT})
        clients.dynamodb.put_item(TableName=resources.table, Item=key)
        self.sweeper = Sweeper(clients.dynamodb, resources.table, clock)
        self._reader = Function("stream-reader", cast(Handler, stream_reader.handler))
        streams = boto3.client("dynamodbstreams", endpoint_url=resources.cloud.endpoint)
        self._pump = StreamPump(clients.dynamodb, streams, resources.table, self._reader)

    def claims(self, host: str) -> Claims:
        """A worker's half of the store."""
        return Claims(self.parts.table, host, self.clock, self.lives)

    def settle(self) -> None:
        """Hand on messages and changes until there is none left."""
        while sum(self._feed(queue) for queue in FED_BY_QUEUES) + self._pump.turn():
            continue

    def reconcile(self) -> int:
        """The run of one minute; how many were looked at."""
        waiting._cache.clear()
        return reconciler.handler({}, None)["looked_at"]

    def minute(self, seconds: float = 60) -> None:
        """A minute, or so, goes by."""
        self.clock.move(seconds)
        self.reconcile()
        self.settle()

    def receive(self, lane: Lane, most: int = 10) -> list[MessageTypeDef]:
        """What a worker receives of a lane."""
        url = self.parts.settings.queue_urls[lane_queue(POOL.name, lane)]
        return self.parts.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most).get("Messages", [])

    def delete(self, lane: Lane, message: MessageTypeDef) -> None:
        """A worker is done with a message."""
        url = self.parts.settings.queue_urls[lane_queue(POOL.name, lane)]
        self.parts.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def all_items(self) -> list[dict[str, Any]]:
        """The whole table."""
        pages = self.parts.dynamodb.get_paginator("scan").paginate(TableName=self.parts.table.name, ConsistentRead=True)
        return [items.unpack(item) for page in pages for item in page["Items"]]

    def all_jobs(self) -> list[Job]:
        """Every job of the table."""
        return [Job.model_validate(item) for item in self.all_items() if item["sk"] == "JOB"]

    def all_keys(self) -> list[str]:
        """The whole bucket."""
        pages = self.parts.s3.get_paginator("list_objects_v2").paginate(Bucket=self.parts.settings.bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def stop(self) -> None:
        """End what runs the reader."""
        self._reader.stop()

    def _feed(self, queue: str) -> int:
        url = self.parts.settings.queue_urls[queue]
        found = self.parts.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if found:
            self._hand_over(queue, found)
        for message in found:
            self.parts.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found)

    def _hand_over(self, queue: str, found: Sequence[MessageTypeDef]) -> None:
        records: list[Message] = [
            {"messageId": one["MessageId"], "receiptHandle": one["ReceiptHandle"], "body": one["Body"]} for one in found
        ]
        event: Mapping[str, Sequence[Message]] = {"Records": records}
        answer: Failures = FED_BY_QUEUES[queue](event, None)
        assert answer == {"batchItemFailures": []}


@contextmanager
def given(resources: Resources, monkeypatch: pytest.MonkeyPatch, lives: Lives = LIVES) -> Iterator[Functions]:
    """The functions, from now on, by a clock that stands still until it is moved."""
    clock = SettableClock(time.time())
    functions = Functions(resources, clock, lives)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", clock)
        patched.setattr(service_module, "_made", [functions.parts])
        patched.setattr(tenants, "_cache", {})
        patched.setattr(tenants, "_owners", {})
        patched.setattr(waiting, "_cache", {})
        try:
            yield functions
        finally:
            functions.stop()
