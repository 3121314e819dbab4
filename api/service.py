"""The parts that the functions work with, made once a process and kept while Lambda keeps it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from api.settings import ApiSettings
from shared import settings
from shared.batches import Batches
from shared.job_table import JobTable
from shared.jobs import Jobs
from shared.references import References

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

# A request lives at most 29 s at the gateway: a call that nobody answers is given up on within 13 s, so that another
# one may be slow too, and an answer still goes out.
CALLS = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=32,  # the starter and the reconciler call from 16 threads
)
# Signed links name the bucket's region: the global name answers with a redirect, which a POST does not survive.
SIGNED = CALLS.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))

_making = threading.Lock()
_made: list[Service] = []


@dataclass(frozen=True)
class Service:
    """Settings, and a client for each AWS service that the functions call."""

    settings: ApiSettings
    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient

    @cached_property
    def table(self) -> JobTable:
        """The jobs table."""
        return JobTable(self.dynamodb, self.settings.table)

    @cached_property
    def jobs(self) -> Jobs:
        """The owner's half of the store."""
        return Jobs(self.table, lives=self.settings.lives)

    @cached_property
    def references(self) -> References:
        """The stored references' items."""
        return References(self.table)

    @cached_property
    def batches(self) -> Batches:
        """The batches' items."""
        return Batches(self.table, lives=self.settings.lives)


def service() -> Service:
    """This process's service, made from its environment at the first call. Raises BadSettings."""
    with _making:
        if not _made:
            _made.append(make(settings.read(ApiSettings, os.environ)))
        return _made[0]


def forget() -> None:
    """Let the next call make the service anew: for tests that change the environment."""
    _made.clear()


def make(told: ApiSettings) -> Service:
    """A service with its own clients."""
    session = boto3.session.Session()
    return Service(
        settings=told,
        dynamodb=session.client("dynamodb", config=CALLS),
        s3=session.client("s3", config=SIGNED),
        sqs=session.client("sqs", config=CALLS),
    )
