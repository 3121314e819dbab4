"""The clients that the functions call AWS with."""

from __future__ import annotations

import pytest

from api.service import Service, make

GATEWAY_SECONDS = 29  # API Gateway Developer Guide, "Quotas": the longest integration time-out by default
MOST_BACKOFF_SECONDS = 1  # before the second attempt: AWS SDKs Reference Guide, "Retry behavior", mode standard


@pytest.mark.parametrize("name", ["dynamodb", "s3", "sqs"])
def test_a_call_that_nobody_answers_leaves_time_for_one_more_and_for_the_answer(name: str, parts: Service) -> None:
    config = getattr(make(parts.settings), name).meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts >= 2, "one lost packet is no reason to refuse"
    seconds = attempts * (config.connect_timeout + config.read_timeout) + (attempts - 1) * MOST_BACKOFF_SECONDS
    assert 2 * seconds < GATEWAY_SECONDS
