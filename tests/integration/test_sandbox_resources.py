"""What the sandbox makes in the cloud is what `shared.resources` says, and making it again is harmless."""

from __future__ import annotations

import json

import httpx
import pytest

from sandbox import resources as made
from shared.pools import Lane
from shared.resources import (
    DEAD_QUEUE,
    FED_VISIBILITY,
    JOBS_TABLE,
    MAX_RECEIVES,
    UPLOADS_QUEUE,
    VISIBILITY,
    lane_queue,
)
from tests.cloud import POOL, Clients, Resources


def test_the_table_has_its_indexes_its_stream_and_its_time_to_live(resources: Resources) -> None:
    dynamodb = resources.clients.dynamodb
    table = dynamodb.describe_table(TableName=resources.table)["Table"]
    ttl = dynamodb.describe_time_to_live(TableName=resources.table)["TimeToLiveDescription"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {i.name for i in JOBS_TABLE.indexes}
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", JOBS_TABLE.ttl_attribute)


def test_a_lane_s_queue_has_its_visibility_and_redrives_to_the_dead(resources: Resources) -> None:
    sqs, urls = resources.clients.sqs, resources.queue_urls
    lane = sqs.get_queue_attributes(QueueUrl=urls[lane_queue(POOL.name, Lane.BULK)], AttributeNames=["All"])[
        "Attributes"
    ]
    assert lane["VisibilityTimeout"] == str(VISIBILITY)
    assert json.loads(lane["RedrivePolicy"]) == {
        "deadLetterTargetArn": made.queue_arn(sqs, urls[DEAD_QUEUE]),
        "maxReceiveCount": MAX_RECEIVES,
    }


def test_making_everything_again_is_harmless(resources: Resources) -> None:
    reached = resources.clients
    _make_again(resources, reached)
    reached.dynamodb.put_item(TableName=resources.table, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    reached.s3.put_object(Bucket=resources.bucket, Key="a", Body=b"kept")
    reached.sqs.send_message(QueueUrl=resources.queue_urls[DEAD_QUEUE], MessageBody="kept")

    _make_again(resources, reached)

    assert reached.dynamodb.scan(TableName=resources.table)["Count"] == 1
    assert reached.s3.get_object(Bucket=resources.bucket, Key="a")["Body"].read() == b"kept"
    assert _receive(resources, DEAD_QUEUE) == ["kept"]


def test_a_queue_that_stands_takes_on_what_a_newer_release_says(resources: Resources) -> None:
    sqs, url = resources.clients.sqs, resources.queue_urls[UPLOADS_QUEUE]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    _make_again(resources, resources.clients)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert attributes == {"VisibilityTimeout": str(FED_VISIBILITY)}


@pytest.mark.parametrize("prefix", ["jobs/", "references/"])
def test_an_upload_by_a_presigned_post_is_told_to_the_uploads_queue(prefix: str, resources: Resources) -> None:
    _receive(resources, UPLOADS_QUEUE)  # S3 tells a new subscriber a test event
    key = f"{prefix}0123/a b+ü.wav"
    post = resources.clients.s3.generate_presigned_post(resources.bucket, key)

    answer = httpx.post(post["url"], data=post["fields"], files={"file": b"RIFF"})

    assert answer.status_code in (201, 204)
    (body,) = _receive(resources, UPLOADS_QUEUE)
    (record,) = json.loads(body)["Records"]
    assert record["eventSource"] == "aws:s3"
    assert record["eventName"] == "ObjectCreated:Post"
    assert record["s3"]["bucket"]["name"] == resources.bucket
    # URL-encoded, spaces as +: S3 User Guide, "Event message structure".
    assert record["s3"]["object"]["key"] == f"{prefix}0123/a+b%2B%C3%BC.wav"


def test_objects_that_nobody_uploads_are_told_to_nobody(resources: Resources) -> None:
    _receive(resources, UPLOADS_QUEUE)
    resources.clients.s3.put_object(Bucket=resources.bucket, Key="results/a.json", Body=b"{}")
    resources.clients.s3.put_object(Bucket=resources.bucket, Key="jobs/a/reference.wav", Body=b"RIFF")
    assert len(_receive(resources, UPLOADS_QUEUE)) == 1


def _make_again(resources: Resources, reached: Clients) -> None:
    made.create_table(reached.dynamodb, resources.table)
    urls = made.create_queues(reached.sqs, [POOL], prefix=f"{resources.table}-")
    made.create_bucket(reached.s3, reached.sqs, resources.bucket, urls)
    assert urls == resources.queue_urls


def _receive(resources: Resources, queue: str) -> list[str]:
    sqs, url = resources.clients.sqs, resources.queue_urls[queue]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
    return [message["Body"] for message in messages]
