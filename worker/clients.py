"""The AWS clients, made once on one thread from one session, and used by every thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoRegionError
from botocore.handlers import add_expect_header

from shared.settings import BadSettings
from worker import patience
from worker.clock import Clock
from worker.credentials import LastingCredentials
from worker.settings import POLL_SECONDS

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

NO_REGION = (
    "There is no AWS region. Set AWS_DEFAULT_REGION (AWS_REGION is not read), or `region` in ~/.aws/config, to the "
    "region of the queues."
)

USER_AGENT = "mosaic-worker"  # short and fixed: botocore puts its own together anew for each call, 7 % of a call's CPU


@dataclass(frozen=True)
class Clients:
    """A client for each service. None retries by itself: `worker.patience` is the one owner of retries."""

    dynamodb: DynamoDBClient
    logs: CloudWatchLogsClient
    s3: S3Client
    sqs: SQSClient
    polling: SQSClient  # for long polls, whose answers come late
    clock: Clock  # told the time by every answer


def make(threads: int) -> Clients:
    """Clients with a connection for each thread. Credentials are looked for when they are used.

    Raises BadSettings where AWS's own settings (`AWS_*`, ~/.aws/config) are such that no client can be made.
    """
    clock = Clock()
    try:
        return _made(_session(clock), clock, threads)
    except NoRegionError:
        raise BadSettings([NO_REGION]) from None
    except (BotoCoreError, ValueError) as error:
        raise BadSettings([f"The settings of AWS (AWS_*, ~/.aws/config): {error}"]) from None


def _session(clock: Clock) -> boto3.session.Session:
    session, credentials = botocore.session.Session(), LastingCredentials()
    session.register_component("credential_provider", credentials)
    # Nobody reads a time in an answer: that of each file's last change took a tenth of its download's CPU.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    # What is put is a few KB: to ask first whether S3 will have it takes a round trip, and botocore reads that answer
    # byte by byte. That it can be done without: github.com/boto/botocore, issue 1659.
    ask_first: Callable[..., None] = add_expect_header
    session.unregister("before-call.s3", ask_first)
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)  # it tells at each call what they tell once
    handlers: tuple[tuple[str, Callable[..., None]], ...] = (
        ("before-parameter-build", patience.note_operation),
        ("before-call", clock.sent),
        ("response-received", clock.hear),
        ("response-received", credentials.hear),
    )
    for event, handler in handlers:
        session.register(event, handler)
    return boto3.session.Session(botocore_session=session)


def _made(session: boto3.session.Session, clock: Clock, threads: int) -> Clients:
    calls = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=threads,
        tcp_keepalive=True,
        user_agent=USER_AGENT,
        parameter_validation=False,  # type checkers did it: going over each item takes a fifth of a commit
        # A file's hash is compared where its owner declared one; what is put is hashed by its signature.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    polls = calls.merge(Config(read_timeout=POLL_SECONDS + 10))
    return Clients(
        dynamodb=session.client("dynamodb", config=calls),
        logs=session.client("logs", config=calls),
        s3=session.client("s3", config=calls),
        sqs=session.client("sqs", config=calls),
        polling=session.client("sqs", config=polls),
        clock=clock,
    )
