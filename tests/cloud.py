"""The embedded cloud for tests: one ministack a session, a fresh table, bucket and queues a test.

A plugin of every test (see `tests/conftest.py`): ask for `resources`, or for `cloud`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from sandbox import ports
from sandbox import resources as made
from sandbox.cloud import HOST, REGION
from sandbox.readiness import VARIABLE, Listener
from shared.pools import Mode, Pool

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

ROOT = Path(__file__).parents[1]
START_SECONDS = 30.0
END_SECONDS = 120  # what it holds is saved first: of ten thousand jobs that takes a while on a busy machine
POOL = Pool(
    name="visqol-3",
    engine="visqol",
    modes=(
        Mode(name="wb", reference_rates_hz=(16000, 48000), degraded_rates_hz=(16000, 48000), same_rate=True, ceiling=5),
    ),
    default_mode="wb",
)


@dataclass(frozen=True)
class Clients:
    """A client for each service, each safe to share between threads."""

    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient


@dataclass(frozen=True)
class Cloud:
    """A running ministack."""

    endpoint: str
    clients: Clients = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What makes the AWS clients of a process reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }


@dataclass(frozen=True)
class Resources:
    """A table, a bucket and queues that no other test knows. `queue_urls` are by the names of `shared.resources`."""

    cloud: Cloud
    table: str
    bucket: str
    queue_urls: dict[str, str]

    @property
    def clients(self) -> Clients:
        """The cloud's clients."""
        return self.cloud.clients


def clients(endpoint: str) -> Clients:
    """Clients that retry nothing by themselves, so that a test sees each failure."""
    config = Config(max_pool_connections=50, connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})
    session = boto3.session.Session("test", "test", region_name=REGION)
    return Clients(
        dynamodb=session.client("dynamodb", endpoint_url=endpoint, config=config),
        # As the API has it: without a version named, presigned URLs are signed in the old way.
        s3=session.client("s3", endpoint_url=endpoint, config=config.merge(Config(signature_version="s3v4"))),
        sqs=session.client("sqs", endpoint_url=endpoint, config=config),
    )


@contextmanager
def serving(module: str, directory: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A module that serves a cloud, on a free port: its endpoint, its process. State and log are in that directory."""
    port = ports.any_free()
    with Listener() as listener, (directory / "cloud.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(port), str(directory / "cloud")],
            env={**os.environ, VARIABLE: listener.address},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
        try:
            listener.wait_ready(START_SECONDS)
            yield f"http://{HOST}:{port}", process
        finally:
            process.terminate()
            process.wait(timeout=END_SECONDS)
            if process.stdin:
                process.stdin.close()


@contextmanager
def running(directory: Path) -> Iterator[Cloud]:
    """A ministack of its own, as the sandbox runs it."""
    with serving("sandbox.cloud", directory) as (endpoint, process):
        yield Cloud(endpoint, clients(endpoint), process)


def fresh(cloud: Cloud, pools: Iterable[Pool] = (POOL,)) -> Resources:
    """Resources under names that nothing else has. They go with the cloud."""
    name, reached = f"test-{uuid4().hex[:12]}", cloud.clients
    made.create_table(reached.dynamodb, name)
    queue_urls = made.create_queues(reached.sqs, pools, prefix=f"{name}-")
    made.create_bucket(reached.s3, reached.sqs, name, queue_urls)
    return Resources(cloud, name, name, queue_urls)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One ministack for all tests of the session."""
    with running(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def resources(cloud: Cloud) -> Resources:
    """Fresh resources for one test."""
    return fresh(cloud)
