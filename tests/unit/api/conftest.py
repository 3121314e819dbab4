"""The functions on moto: one service for the whole run, fresh caches and empty queues for each test."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest

from api import (
    app,
    batch_removal,
    batch_starter,
    intake,
    messages,
    reconciler,
    references,
    self_score,
    tenants,
    waiting,
)
from api import service as service_module
from api.service import Service
from api.settings import ApiSettings
from sandbox import resources
from shared import items, logs, settings
from shared.batches import Batches
from shared.hosts import Hosts
from shared.jobs import Jobs
from shared.pools import Mode, Pool
from tests.clock import SettableClock
from tests.unit.api.steps import ACME, BUCKET, GLOBEX, calls

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

WIDE = Mode(
    name="wb",
    reference_rates_hz=(16000, 48000),
    degraded_rates_hz=(16000, 48000),
    same_rate=True,
    ceiling=5,
    max_seconds=4,
)
NARROW = Mode(name="nb", reference_rates_hz=(8000,), degraded_rates_hz=(8000,), same_rate=True, ceiling=4.5)
POOLS = (
    Pool(name="visqol-3", engine="visqol", modes=(WIDE,), default_mode="wb"),
    Pool(name="polqa-3", engine="polqa", modes=(NARROW, WIDE), default_mode="nb"),
)


@pytest.fixture(scope="session")
def _clients(dynamodb: DynamoDBClient) -> Service:
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    told = {
        **os.environ,
        "MOSAIC_TABLE": "none yet",
        "MOSAIC_BUCKET": BUCKET,
        "MOSAIC_QUEUE_URLS": json.dumps(resources.create_queues(sqs, POOLS)),
        "MOSAIC_POOLS": json.dumps([pool.model_dump(mode="json") for pool in POOLS]),
    }
    return service_module.make(settings.read(ApiSettings, told))


@pytest.fixture(scope="module")
def _made(_clients: Service, request: pytest.FixtureRequest) -> Service:
    """A table a module, with two tenants and their keys: moto copies the whole of one at each transaction."""
    table = request.module.__name__.rpartition(".")[2]
    resources.create_table(_clients.dynamodb, table)
    for key_id, tenant in ((ACME, "acme"), (GLOBEX, "globex")):
        packed = items.pack({"pk": f"KEY#{key_id}", "sk": "KEY", "tenant": tenant})
        _clients.dynamodb.put_item(TableName=table, Item=packed)
    return replace(_clients, settings=_clients.settings.model_copy(update={"table": table}))


@pytest.fixture(autouse=True)
def parts(_made: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service that the handlers work with."""
    monkeypatch.setattr(service_module, "_made", [_made])
    monkeypatch.setattr(tenants, "_cache", {})
    monkeypatch.setattr(tenants, "_owners", {})
    monkeypatch.setattr(waiting, "_cache", {})
    for function in (batch_removal, batch_starter, reconciler):
        monkeypatch.setattr(function, "THREADS", 1)  # which is what moto is right for
    monkeypatch.setenv("MOTO_SQS_ENFORCE_STRICT_QUEUE_PURGE_BEHAVIOUR", "false")  # not once a minute only
    with calls(_made.sqs, "SendMessage") as sent:
        yield _made
    for url in {str(call["QueueUrl"]) for call in sent}:
        _made.sqs.purge_queue(QueueUrl=url)  # so that the next test finds only its own messages, hidden ones too


@pytest.fixture
def clock(parts: Service, monkeypatch: pytest.MonkeyPatch) -> SettableClock:
    """The time of the functions and of their store. It stands still until it is moved."""
    clock = SettableClock()
    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setitem(vars(parts), "jobs", Jobs(parts.table, clock, parts.settings.lives))
    monkeypatch.setitem(vars(parts), "batches", Batches(parts.table, clock, parts.settings.lives))
    return clock


@pytest.fixture
def _empty_afterwards(parts: Service) -> Iterator[None]:
    """For functions that look at the whole table: each test finds its own items there, and the keys."""
    yield
    for item in parts.dynamodb.scan(TableName=parts.table.name, ConsistentRead=True)["Items"]:
        if item["sk"] != {"S": "KEY"}:
            parts.dynamodb.delete_item(TableName=parts.table.name, Key={name: item[name] for name in ("pk", "sk")})


@pytest.fixture
def hosts(parts: Service) -> Iterator[Hosts]:
    """Host items, gone again after the test."""
    yield Hosts(parts.table)
    for pool in POOLS:
        for host in Hosts(parts.table, clock=lambda: 0.0).alive(pool.name):
            key = items.pack({"pk": f"POOL#{pool.name}", "sk": f"HOST#{host.host}"})
            parts.dynamodb.delete_item(TableName=parts.table.name, Key=key)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the functions log during the test."""
    stream = io.StringIO()
    logs.configure("api", stream)
    for module in (app, intake, messages, references, self_score):
        monkeypatch.setattr(module, "log", logs.get(module.__name__))
    yield stream
    logs.configure("api")
