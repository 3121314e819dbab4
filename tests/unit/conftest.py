"""The store on moto: in this process, on one thread, which is what moto is right for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models.table import StreamRecord

from sandbox import resources
from shared.claims import Claims
from shared.job_table import JobTable
from shared.jobs import Jobs
from tests.clock import SettableClock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TABLE = "jobs"

# moto copies a table before each transaction, its stream's whole past included, to put it back should the transaction
# fail. A record is never changed once it is made, so the copy may hold the record itself: that takes 40 % off the run.
setattr(StreamRecord, "__deepcopy__", lambda record, _: record)  # noqa: B010 - it is not in the class's type


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
