"""The minute's line: one comes each minute, and is a document in CloudWatch's embedded metric format."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator, Mapping
from itertools import count

import botocore.loaders
import pytest
import structlog
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared import logs
from shared.pools import Lane
from tests.clock import SettableClock
from tests.unit.accounts_for_tests import SCORED, accounts
from worker import accounts as module
from worker.accounts import Accounts
from worker.ends import End
from worker.metrics import UNITS, Source


class Metric(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    Name: str
    Unit: str


class Directive(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    Namespace: str
    Dimensions: list[list[str]]
    Metrics: list[Metric] = Field(max_length=100)


class Metadata(BaseModel):
    """`_aws`, by the specification of the embedded metric format."""

    model_config = ConfigDict(strict=True, extra="forbid")

    Timestamp: int
    CloudWatchMetrics: list[Directive]


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    before = structlog.get_config()
    stream = io.StringIO()
    logs.configure("worker", stream)
    monkeypatch.setattr(module, "log", logs.get("worker.accounts"))  # one that has no stream yet
    yield stream
    structlog.configure(**before)


def minutes(stream: io.StringIO) -> list[dict[str, JsonValue]]:
    return [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "minute"]


def directive(line: Mapping[str, JsonValue]) -> Directive:
    [directive] = Metadata.model_validate(line["_aws"]).CloudWatchMetrics
    return directive


def metrics(line: Mapping[str, JsonValue]) -> set[str]:
    return {metric.Name for metric in directive(line).Metrics}


def busy_minute(clock: SettableClock) -> Accounts:
    told = accounts(
        clock,
        readings={"state": "ready", "held": ["nb"], "modes_held": 1, "seats_up": 2, "free_disk_bytes": 10**12},
        totals={"reference_cache_hits": 1, "reference_cache_misses": 2, "logs_dropped": 0},
    )
    told.received(Lane.INTERACTIVE, 1)
    told.claimed(0.5)
    told.fetched(0.1)
    told.begun()
    clock.move(60)
    told.scored(60, counts=True)
    told.published(0.01)
    told.ended(End.SUCCEEDED, SCORED, begun=True, error=None)
    return told


def test_a_minute_s_line_is_a_document_in_the_embedded_metric_format(clock: SettableClock, stream: io.StringIO) -> None:
    told = busy_minute(clock)
    told.start()
    told.stop()
    [line] = minutes(stream)
    assert directive(line).Namespace == "Mosaic/test"
    assert directive(line).Dimensions == [["pool", "host"], ["pool"]]
    assert (line["pool"], line["host"]) == ("polqa-3", "host-a")
    assert metrics(line)
    assert all(type(line[name]) in (int, float) for name in metrics(line))


def test_every_metric_shows_in_a_busy_minute(clock: SettableClock) -> None:
    assert metrics(busy_minute(clock).take()) == set(UNITS)


def test_units_are_those_that_cloudwatch_knows() -> None:
    model = botocore.loaders.create_loader().load_service_model("cloudwatch", "service-2")
    assert set(UNITS.values()) <= set(model["shapes"]["StandardUnit"]["enum"])


def test_an_idle_minute_names_no_metric_that_it_has_no_value_of(clock: SettableClock) -> None:
    line = accounts(clock).take()
    assert metrics(line) <= set(line)
    assert {"seat_use", "receive_calls", "ended_succeeded"} <= metrics(line)
    assert not metrics(line) & {"score_p50", "queue_wait_p95"}


def test_the_last_line_tells_the_part_of_a_minute_that_has_begun(clock: SettableClock, stream: io.StringIO) -> None:
    told = accounts(clock)
    told.start()
    clock.move(12.5)
    told.claimed(1)
    told.stop()
    [line] = minutes(stream)
    assert (line["seconds"], line["claimed"]) == (12.5, 1)


def test_a_line_comes_each_minute(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, clock: SettableClock) -> None:
    third = threading.Event()
    read: list[int] = []

    def readings() -> dict[str, JsonValue]:
        read.append(1)
        if len(read) == 3:
            third.set()
        return {}

    monkeypatch.setattr(module, "MINUTE_SECONDS", 0.01)
    told = Accounts(source=Source("p", "h"), seats=1, readings=readings, totals=dict, clock=clock)
    told.start()
    assert third.wait(10)
    told.stop()
    assert len(minutes(stream)) == len(read) >= 4


def test_what_a_line_could_not_tell_the_next_one_tells(
    clock: SettableClock, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, third = count(1), threading.Event()

    def read() -> dict[str, JsonValue]:
        call = next(calls)
        if call == 1:
            raise OSError("no such directory")
        if call == 3:
            third.set()
        return {}

    monkeypatch.setattr(module, "MINUTE_SECONDS", 0.01)
    told = Accounts(source=Source("p", "h"), seats=1, readings=read, totals=dict, clock=clock)
    told.claimed(1)
    told.start()
    assert third.wait(10)
    told.stop()
    assert minutes(stream)[0]["claimed"] == 1
    assert stream.getvalue().count("minute_not_told") == 1
