"""What IAM sees in an AWS call: which actions, on which resources.

Sources, by service: DynamoDB Developer Guide, "Using IAM with DynamoDB transactions"; S3 User Guide, "Required
permissions for Amazon S3 API operations"; SQS Developer Guide, "Amazon SQS API permissions". An operation that none of
them tells apart is an action of its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

ANY = "*"

IN_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "ConditionCheck": "ConditionCheckItem",
}

OTHERWISE_IN_S3 = {
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "DeleteObjects": "DeleteObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListParts": "ListMultipartUploadParts",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
}

Parameters = Mapping[str, Any]
Permissions = Iterator[tuple[str, str]]


def permissions(service: str, operation: str, parameters: Parameters) -> list[tuple[str, str]]:
    """The actions of a call, such as `s3:GetObject`, each with its resource.

    Resources: a table, `table/index/name`, a queue, a bucket, or a bucket and the first part of a key, `bucket/jobs/*`.
    A call of a service that is none of ours so far is about any resource.
    """
    seen = SERVICES.get(service, _any)(operation, parameters)
    return [(f"{service}:{action}", resource) for action, resource in seen]


def stored(bucket: str, key: str) -> str:
    """The resource that an object is, with whatever is random in its key left out."""
    prefix, slash, _ = key.partition("/")
    return f"{bucket}/{prefix}/{ANY}" if slash else f"{bucket}/{ANY}"


def _dynamodb(operation: str, parameters: Parameters) -> Permissions:
    if "TransactItems" in parameters:
        for item in parameters["TransactItems"]:
            for kind, part in item.items():
                yield IN_TRANSACTION[kind], part["TableName"]
    elif "RequestItems" in parameters:
        for table in parameters["RequestItems"]:
            yield operation, table
    elif "IndexName" in parameters:
        yield operation, f"{parameters['TableName']}/index/{parameters['IndexName']}"
    else:
        yield operation, parameters.get("TableName", ANY)


def _s3(operation: str, parameters: Parameters) -> Permissions:
    if "CopySource" in parameters:
        yield "GetObject", stored(*_source(parameters["CopySource"]))
    action, bucket = OTHERWISE_IN_S3.get(operation, operation), parameters.get("Bucket", ANY)
    if "Delete" in parameters:
        for entry in parameters["Delete"]["Objects"]:
            yield action, stored(bucket, entry["Key"])
    else:
        yield action, stored(bucket, parameters["Key"]) if "Key" in parameters else bucket


def _source(copied: str | Mapping[str, str]) -> tuple[str, str]:
    if isinstance(copied, str):
        bucket, _, key = copied.lstrip("/").partition("/")
        return bucket, key
    return copied["Bucket"], copied["Key"]


def _sqs(operation: str, parameters: Parameters) -> Permissions:
    url = parameters.get("QueueUrl") or parameters.get("QueueName", ANY)
    yield operation.removesuffix("Batch"), url.rpartition("/")[2]


def _any(operation: str, _parameters: Parameters) -> Permissions:
    yield operation, ANY


SERVICES: dict[str, Callable[[str, Parameters], Permissions]] = {"dynamodb": _dynamodb, "s3": _s3, "sqs": _sqs}
