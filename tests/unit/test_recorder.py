"""The recorder of AWS calls: what it notes, and whom it takes for the caller."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.iam_actions import permissions
from tests.recorder import FILE, PLUGINS, Call, read, record_to
from worker import clients

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ROOT = Path(__file__).parents[2]
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/visqol-3-bulk"

Recorded = Callable[[], list[Call]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.jsonl"


@pytest.fixture
def recorded(file: Path) -> Iterator[Recorded]:
    with record_to(file), mock_aws():
        yield lambda: read(file)


@pytest.fixture
def s3(recorded: Recorded) -> S3Client:
    return boto3.client("s3")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "seen"),
    [
        ("dynamodb", "GetItem", {"TableName": "jobs"}, [("dynamodb:GetItem", "jobs")]),
        (
            "dynamodb",
            "Query",
            {"TableName": "jobs", "IndexName": "pending"},
            [("dynamodb:Query", "jobs/index/pending")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{kind: {"TableName": "jobs"}} for kind in ("Put", "Update", "ConditionCheck")]},
            [("dynamodb:PutItem", "jobs"), ("dynamodb:UpdateItem", "jobs"), ("dynamodb:ConditionCheckItem", "jobs")],
        ),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"jobs": {}}}, [("dynamodb:BatchGetItem", "jobs")]),
        ("dynamodb", "ListTables", {}, [("dynamodb:ListTables", "*")]),
        ("sqs", "SendMessageBatch", {"QueueUrl": QUEUE_URL}, [("sqs:SendMessage", "visqol-3-bulk")]),
        ("sqs", "CreateQueue", {"QueueName": "uploads"}, [("sqs:CreateQueue", "uploads")]),
        ("s3", "HeadObject", {"Bucket": "b", "Key": "jobs/17/reference.wav"}, [("s3:GetObject", "b/jobs/*")]),
        ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "jobs/17/"}, [("s3:ListBucket", "b")]),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "jobs/17/a.wav"}, {"Key": "results/17/1.json"}]}},
            [("s3:DeleteObject", "b/jobs/*"), ("s3:DeleteObject", "b/results/*")],
        ),
        (
            "s3",
            "CopyObject",
            {"Bucket": "b", "Key": "references/acme/aa.wav", "CopySource": "b/jobs/17/reference.wav"},
            [("s3:GetObject", "b/jobs/*"), ("s3:PutObject", "b/references/*")],
        ),
        ("cloudwatch", "PutMetricData", {}, [("cloudwatch:PutMetricData", "*")]),
    ],
)
def test_a_call_is_what_iam_sees_in_it(
    service: str, operation: str, parameters: dict[str, object], seen: list[tuple[str, str]]
) -> None:
    assert permissions(service, operation, parameters) == seen


def test_a_call_is_noted_once_however_often_it_is_made(recorded: Recorded, file: Path) -> None:
    dynamodb = boto3.client("dynamodb")
    for _ in range(3):
        dynamodb.list_tables()
    assert recorded() == [Call("tests", "dynamodb", "dynamodb:ListTables", "*")]
    assert len(file.read_text().splitlines()) == 1


def test_an_upload_policy_is_a_put_by_who_signs_it(recorded: Recorded, s3: S3Client) -> None:
    s3.generate_presigned_post(Bucket="b", Key="jobs/17/reference.wav")
    assert recorded() == [Call("tests", "s3", "s3:PutObject", "b/jobs/*")]


def test_a_signed_link_is_what_it_is_good_for_by_who_signs_it(recorded: Recorded, s3: S3Client) -> None:
    s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "results/17/1.json"})
    assert recorded() == [Call("tests", "s3", "s3:GetObject", "b/results/*")]


def test_who_is_told_that_an_object_is_missing_must_be_one_who_may_list(recorded: Recorded, s3: S3Client) -> None:
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="bucket", Key="results/17/1.json", Body=b"")
    s3.get_object(Bucket="bucket", Key="results/17/1.json")
    listed = Call("tests", "s3", "s3:ListBucket", "bucket")
    assert listed not in recorded()
    with pytest.raises(ClientError):
        s3.head_object(Bucket="bucket", Key="jobs/17/reference.wav")
    assert listed in recorded()


@pytest.mark.parametrize(
    ("way", "component"),
    [
        (["api.intake"], "api.intake"),
        (["api.app", "api.starting"], "api.app"),
        (["worker.crew", "worker.fetcher"], "worker"),
        (["sandbox.function", "api.intake", "shared.jobs"], "api.intake"),
        (["sandbox.pumps"], "sandbox"),
        (["shared.jobs"], "tests"),
    ],
)
def test_the_component_is_what_was_entered_first(recorded: Recorded, way: list[str], component: str) -> None:
    call: Callable[[], object] = boto3.client("sqs").list_queues
    for module in reversed(way):
        call = _entered_by(module, call)
    call()
    assert [made.component for made in recorded()] == [component]


def test_a_call_from_a_thread_that_nobody_entered_is_by_who_made_the_client(recorded: Recorded) -> None:
    client = clients.make(threads=1).sqs
    with ThreadPoolExecutor() as pool:
        pool.submit(client.list_queues).result()
    assert [made.component for made in recorded()] == ["worker"]


def test_a_child_process_is_recorded_too(file: Path) -> None:
    program = "import worker.clients; worker.clients.make(threads=1).sqs.list_queues()"
    with record_to(file):
        nowhere = {**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=nowhere, capture_output=True, check=False)
    assert b"EndpointConnectionError" in ended.stderr
    assert read(file) == [Call("worker", "sqs", "sqs:ListQueues", "*")]


def test_a_session_keeps_what_it_recorded_or_adds_it_to_where_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_it.py").write_text(
        "import boto3, moto\n\n@moto.mock_aws\ndef test_it():\n    boto3.client('sqs').list_queues()\n"
    )
    kept, told = tmp_path / ".pytest_cache" / "aws_calls.jsonl", tmp_path / "calls.jsonl"
    calls = [Call("unknown", "sqs", "sqs:ListQueues", "*")]
    _session(tmp_path, {FILE: str(told)})
    assert (read(kept), read(told)) == ([], calls)
    _session(tmp_path, {})
    assert read(kept) == calls


def _session(directory: Path, told: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in (FILE, PLUGINS)}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.recorder"],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT), **told},
        capture_output=True,
        check=True,
    )


def _entered_by(module: str, call: Callable[[], object]) -> Callable[[], object]:
    """That call, made by a function of that module."""
    entered = FunctionType(_make.__code__, {"__name__": module})
    return lambda: entered(call)


def _make(call: Callable[[], object]) -> object:
    return call()
