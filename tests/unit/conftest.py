"""The store on moto: in this process, on one thread, which is what moto is right for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from sandbox import resources
from shared.claims import Claims
from shared.job_table import JobTable
from shared.jobs import Jobs
from tests.clock import SettableClock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TABLE = "jobs"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = boto3.client("dynamodb")
        resources.create_table(client, TABLE)
        yield client


@pytest.fixture
def table(dynamodb: DynamoDBClient) -> JobTable:
    return JobTable(dynamodb, TABLE)


@pytest.fixture
def jobs(table: JobTable, clock: SettableClock) -> Jobs:
    return Jobs(table, clock)


@pytest.fixture
def claims(table: JobTable, clock: SettableClock) -> Claims:
    return Claims(table, "host-a", clock)


@pytest.fixture
def other_claims(table: JobTable, clock: SettableClock) -> Claims:
    return Claims(table, "host-b", clock)
