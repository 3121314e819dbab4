"""Makes the service's table, bucket and queues in an emulator, from the constants that the CDK app uses too.

Everything here may be done again to what stands already: it is harmless, and queues take on changed attributes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.resources import ABANDONED_DAYS, BUCKET, COMMON_QUEUES, JOBS_TABLE, Index, Queue, pool_queues

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeDefinitionTypeDef, GlobalSecondaryIndexTypeDef
    from types_boto3_s3 import S3Client
    from types_boto3_s3.literals import BucketLocationConstraintType
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

    from shared.pools import Pool

_UNNAMED_REGION = "us-east-1"  # the one region that CreateBucket does not take as a LocationConstraint


def create_table(client: DynamoDBClient, name: str) -> None:
    """The jobs table with its indexes, stream and TTL."""
    try:
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": JOBS_TABLE.partition_key, "KeyType": "HASH"},
                {"AttributeName": JOBS_TABLE.sort_key, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=_attributes(),
            GlobalSecondaryIndexes=[_index(index) for index in JOBS_TABLE.indexes],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        return
    client.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": JOBS_TABLE.ttl_attribute},
    )


def create_queues(client: SQSClient, pools: Iterable[Pool], prefix: str = "") -> dict[str, str]:
    """Every queue; their URLs by the names of `shared.resources`. `prefix` goes before the names in the emulator."""
    urls: dict[str, str] = {}
    for queue in [*COMMON_QUEUES, *(queue for pool in pools for queue in pool_queues(pool.name))]:
        url = client.create_queue(QueueName=prefix + queue.name)["QueueUrl"]
        client.set_queue_attributes(QueueUrl=url, Attributes=_attributes_of(client, queue, urls))
        urls[queue.name] = url
    return urls


def create_bucket(s3: S3Client, sqs: SQSClient, name: str, queue_urls: Mapping[str, str]) -> None:
    """The bucket, its lifecycle, and the events of new uploads, which go to one of these queues."""
    _create_empty_bucket(s3, name)
    s3.put_bucket_lifecycle_configuration(
        Bucket=name,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": expiry.prefix.rstrip("/"),
                    "Status": "Enabled",
                    "Filter": {"Prefix": expiry.prefix},
                    "Expiration": {"Days": expiry.days},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
                }
                for expiry in BUCKET.expiries
            ]
        },
    )
    queue = queue_arn(sqs, queue_urls[BUCKET.event_queue])
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": queue,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
                }
                for prefix in BUCKET.event_prefixes
            ]
        },
    )


def queue_arn(client: SQSClient, url: str) -> str:
    """The ARN of the queue at that URL."""
    return client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _create_empty_bucket(s3: S3Client, name: str) -> None:
    region: BucketLocationConstraintType = s3.meta.region_name  # type: ignore[assignment]  # a plain string there
    try:
        if region == _UNNAMED_REGION:
            s3.create_bucket(Bucket=name)
        else:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise


def _attributes() -> list[AttributeDefinitionTypeDef]:
    numbers = {index.sort_key for index in JOBS_TABLE.indexes if index.sort_is_number}
    keys = [JOBS_TABLE.partition_key, JOBS_TABLE.sort_key]
    for index in JOBS_TABLE.indexes:
        keys += [index.partition_key, index.sort_key]
    return [{"AttributeName": key, "AttributeType": "N" if key in numbers else "S"} for key in dict.fromkeys(keys)]


def _index(index: Index) -> GlobalSecondaryIndexTypeDef:
    return {
        "IndexName": index.name,
        "KeySchema": [
            {"AttributeName": index.partition_key, "KeyType": "HASH"},
            {"AttributeName": index.sort_key, "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.attributes)}
        if index.attributes
        else {"ProjectionType": "KEYS_ONLY"},
    }


def _attributes_of(client: SQSClient, queue: Queue, urls: Mapping[str, str]) -> dict[QueueAttributeNameType, str]:
    attributes: dict[QueueAttributeNameType, str] = {
        "VisibilityTimeout": str(queue.visibility),
        "MessageRetentionPeriod": str(queue.retention),
    }
    if queue.dead_letter:
        target = queue_arn(client, urls[queue.dead_letter])  # a queue named as dead letter comes before its namer
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": queue.max_receives})
    return attributes
