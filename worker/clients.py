"""The AWS clients, made once on one thread from one session, and used by every thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from worker.settings import POLL_SECONDS

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Clients:
    """A client for each service. None retries by itself: `worker.patience` is the one owner of retries."""

    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient
    polling: SQSClient  # for long polls, whose answers come late


def make(threads: int) -> Clients:
    """Clients with a connection for each thread."""
    calls = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=threads,
        tcp_keepalive=True,
    )
    polls = calls.merge(Config(read_timeout=POLL_SECONDS + 10))
    session = boto3.session.Session()
    return Clients(
        dynamodb=session.client("dynamodb", config=calls),
        s3=session.client("s3", config=calls),
        sqs=session.client("sqs", config=calls),
        polling=session.client("sqs", config=polls),
    )
