"""The times that the bench's distant cloud lets its callers wait."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.distant_cloud import DISTANT, service_of
from bench.latency import Latency

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
