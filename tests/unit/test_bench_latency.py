"""The times that the bench's distant cloud lets its callers wait."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import distant_cloud
from bench.distant_cloud import DISTANT, service_of
from bench.latency import AWS_LIKE, Latency
from sandbox import cloud

DRAWN = 20_000


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - keeps no secret


def signed_by(key: str, service: str) -> dict[bytes, bytes]:
    scope = f"Credential={key}/20261122/eu-central-1/{service}/aws4_request"
    return {b"authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00".encode()}


def test_half_of_the_calls_take_the_median_and_one_in_twenty_the_95th_percentile() -> None:
    drawing, latency = chance(1), Latency(0.025, 0.100)
    drawn = [latency.draw(drawing) for _ in range(DRAWN)]
    assert np.percentile(drawn, [50, 95]) == pytest.approx([0.025, 0.100], rel=0.05)


def test_a_latency_without_spread_is_always_the_same() -> None:
    drawing = chance(1)
    assert {Latency(0.008, 0.008).draw(drawing) for _ in range(100)} == {0.008}


@given(st.integers())
def test_a_seed_gives_the_same_times_again(seed: int) -> None:
    latency = Latency(0.025, 0.100)
    assert latency.draw(chance(seed)) == latency.draw(chance(seed))


def test_the_service_is_read_from_what_a_distant_caller_signed() -> None:
    assert service_of(signed_by(DISTANT, "dynamodb")) == "dynamodb"


def test_who_signs_with_another_key_or_not_at_all_is_near() -> None:
    assert service_of(signed_by("sandbox", "s3")) is None
    assert service_of({}) is None


class World:
    """A cloud that takes `own_seconds` for a call itself, and when it was called and heard."""

    def __init__(self, own_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.called, self.answered = 0.0, -1.0, -1.0
        self._own_seconds = own_seconds
        monkeypatch.setattr(distant_cloud, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(distant_cloud, "asyncio", SimpleNamespace(sleep=self._sleep))

    def call(self, key: str) -> None:
        asyncio.run(self._call({"headers": list(signed_by(key, "dynamodb").items())}))

    async def _call(self, scope: cloud.Message) -> None:
        await distant_cloud.distant(self._cloud)(scope, self._nothing, self._hear)

    async def _cloud(self, _: cloud.Message, __: cloud.Receive, send: cloud.Send) -> None:
        self.called = self.now
        await self._sleep(self._own_seconds)
        await send({"type": "http.response.start"})

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds

    async def _hear(self, _: cloud.Message) -> None:
        self.answered = self.now

    async def _nothing(self) -> cloud.Message:
        return {}


@pytest.mark.parametrize("own_seconds", [0, 0.003])
def test_what_the_emulator_takes_itself_is_within_the_time_that_aws_takes(
    monkeypatch: pytest.MonkeyPatch, own_seconds: float
) -> None:
    world = World(own_seconds, monkeypatch)
    world.call(DISTANT)
    assert world.called == 0
    assert world.answered == pytest.approx(AWS_LIKE["dynamodb"].p50)


def test_an_emulator_that_takes_longer_than_aws_answers_as_soon_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(0.5, monkeypatch)
    world.call(DISTANT)
    assert world.answered == pytest.approx(0.5)


def test_who_is_near_waits_for_the_emulator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(0.003, monkeypatch)
    world.call("sandbox")
    assert world.answered == pytest.approx(0.003)
