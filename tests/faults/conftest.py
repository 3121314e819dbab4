"""Real worker processes on ministack, and what they reach it through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud import Cloud, Resources
from tests.faulty_gateway import FaultyGateway, faulty_gateway
from tests.worker_process import GivenJobs

LOST = {  # calls whose answers are lost in test_answers_lost.py: there is to be none beside
    "dynamodb.GetItem",
    "dynamodb.PutItem",
    "dynamodb.TransactWriteItems",
    "dynamodb.UpdateItem",
    "s3.DeleteObject",
    "s3.GetObject",
    "s3.PutObject",
    "sqs.ChangeMessageVisibility",
    "sqs.DeleteMessageBatch",
    "sqs.ReceiveMessage",
    "sqs.SendMessage",
}


@pytest.fixture
def jobs(resources: Resources) -> GivenJobs:
    return GivenJobs(resources)


@pytest.fixture
def gateway(cloud: Cloud) -> Iterator[FaultyGateway]:
    with faulty_gateway(cloud) as gateway:
        yield gateway
    assert not gateway.calls.keys() - LOST, "a worker makes calls that test_answers_lost.py knows nothing of"


@pytest.fixture
def faulty(gateway: FaultyGateway, resources: Resources) -> Resources:
    """The resources as a worker reaches them through the gateway; the test itself goes past it."""
    return gateway.before(resources)
