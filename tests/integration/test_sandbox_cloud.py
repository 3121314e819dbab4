"""The cloud keeps what it holds, however it ends, and ends with whoever started it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sandbox import cloud as sandbox_cloud
from tests.cloud import Cloud, running

PATIENCE = 30.0


def test_tables_objects_and_messages_survive_a_restart_on_another_port(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        fill(first)
    with running(tmp_path) as second:
        assert second.endpoint != first.endpoint
        assert contents(second) == ("an item", b"an object", "a message")


def test_it_ends_and_saves_when_whoever_started_it_is_gone(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        fill(first)
        first.process.communicate(timeout=PATIENCE)  # closes its standard input, and does nothing else
        assert first.process.returncode == 0
    with running(tmp_path) as second:
        assert contents(second) == ("an item", b"an object", "a message")


def test_what_was_saved_survives_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        fill(first)
        wait_for_save(tmp_path)
        first.process.kill()
    with running(tmp_path) as second:
        assert contents(second) == ("an item", b"an object", "a message")


def test_it_listens_on_the_loopback_interface_alone(cloud: Cloud) -> None:
    port = int(cloud.endpoint.rpartition(":")[2])
    listening = Path(f"/proc/{cloud.process.pid}/net/tcp").read_text().splitlines()[1:]
    addresses = {line.split()[1] for line in listening if line.split()[3] == "0A"}  # TCP_LISTEN: proc_net_tcp(5)
    assert f"0100007F:{port:04X}" in addresses
    assert f"00000000:{port:04X}" not in addresses


def test_redirecting_leaves_nothing_that_leads_to_a_real_account() -> None:
    environment = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "x", "PATH": "/bin", "no_proxy": "a.example"}
    sandbox_cloud.redirect(environment, 4566)
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert environment["no_proxy"] == "a.example,127.0.0.1"
    assert environment["PATH"] == "/bin"


def fill(cloud: Cloud) -> None:
    reached = cloud.clients
    reached.dynamodb.create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    reached.dynamodb.put_item(TableName="kept", Item={"pk": {"S": "an item"}})
    bucket = reached.s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert bucket["Location"]
    reached.s3.put_object(Bucket="kept", Key="key", Body=b"an object")
    url = reached.sqs.create_queue(QueueName="kept")["QueueUrl"]
    reached.sqs.send_message(QueueUrl=url, MessageBody="a message")


def contents(cloud: Cloud) -> tuple[str, bytes, str]:
    reached = cloud.clients
    (item,) = reached.dynamodb.scan(TableName="kept")["Items"]
    body = reached.s3.get_object(Bucket="kept", Key="key")["Body"].read()
    url = reached.sqs.create_queue(QueueName="kept")["QueueUrl"]  # as the sandbox does at each start
    (message,) = reached.sqs.receive_message(QueueUrl=url)["Messages"]
    return item["pk"]["S"], body, message["Body"]


def wait_for_save(directory: Path) -> None:
    """Until two saves have begun since now: then one of them has everything."""
    saved = directory / "cloud" / "state" / "sqs.json"
    deadline = time.monotonic() + PATIENCE
    for _ in range(2):
        before = modified(saved)
        while modified(saved) == before:
            assert time.monotonic() < deadline, "nothing was saved"
            time.sleep(0.05)


def modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
