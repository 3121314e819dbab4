"""The sandbox and the CDK app make the same table, queues and bucket: what an emulator tells against the template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from sandbox import resources
from shared.pools import Mode, Pool

if TYPE_CHECKING:
    from aws_cdk.assertions import Template
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

    from infra.configuration import Configuration

BUCKET = "same-as-sandbox"
TABLE = "same-as-sandbox"
TIMES: tuple[QueueAttributeNameType, ...] = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
)
UNTOLD = {"DelaySeconds": 0, "ReceiveMessageWaitTimeSeconds": 0}  # SQS API Reference, CreateQueue: the defaults


@pytest.fixture(autouse=True)
def cloud() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def dynamodb() -> DynamoDBClient:
    client = boto3.client("dynamodb")
    resources.create_table(client, TABLE)
    return client


@pytest.fixture
def sqs() -> SQSClient:
    return boto3.client("sqs")


@pytest.fixture
def queue_urls(sqs: SQSClient, configuration: Configuration) -> dict[str, str]:
    return resources.create_queues(sqs, (pool.pool for pool in configuration.pools), configuration.name(""))


@pytest.fixture
def s3(sqs: SQSClient, queue_urls: dict[str, str]) -> S3Client:
    client = boto3.client("s3")
    resources.create_bucket(client, sqs, BUCKET, queue_urls)
    return client


def test_the_table_has_the_same_keys_and_indexes(data: Template, dynamodb: DynamoDBClient) -> None:
    made = dynamodb.describe_table(TableName=TABLE)["Table"]
    told = _only(data, "AWS::DynamoDB::Table")
    assert _key(made) == _key(told)
    assert _attributes(made) == _attributes(told)
    assert _indexes(made) == _indexes(told)


def test_the_table_has_the_same_billing_stream_and_time_to_live(data: Template, dynamodb: DynamoDBClient) -> None:
    made = dynamodb.describe_table(TableName=TABLE)["Table"]
    told = _only(data, "AWS::DynamoDB::Table")
    assert made["BillingModeSummary"]["BillingMode"] == told["BillingMode"]
    assert made["StreamSpecification"] == {"StreamEnabled": True, **told["StreamSpecification"]}
    life = dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert (life["AttributeName"], life["TimeToLiveStatus"]) == (
        told["TimeToLiveSpecification"]["AttributeName"],
        "ENABLED",
    )
    assert told["TimeToLiveSpecification"]["Enabled"]


def test_the_queues_have_the_same_names_times_and_dead_letters(
    data: Template, sqs: SQSClient, queue_urls: dict[str, str]
) -> None:
    told = data.find_resources("AWS::SQS::Queue")
    names = {logical: queue["Properties"]["QueueName"] for logical, queue in told.items()}
    expected = {names[logical]: _told_queue(queue["Properties"], names) for logical, queue in told.items()}
    assert dict(_made_queue(sqs, url) for url in queue_urls.values()) == expected


def test_the_bucket_has_the_same_lifecycle(data: Template, s3: S3Client) -> None:
    made = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    told = _only(data, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert _by_id(made) == _by_id([_told_rule(rule) for rule in told])


def test_the_bucket_tells_the_same_queue_of_the_same_events(
    data: Template, s3: S3Client, configuration: Configuration
) -> None:
    made = s3.get_bucket_notification_configuration(Bucket=BUCKET)["QueueConfigurations"]
    told = _only(data, "AWS::S3::Bucket")["NotificationConfiguration"]["QueueConfigurations"]
    queues = data.find_resources("AWS::SQS::Queue")
    assert [
        (_name(news["QueueArn"]), news["Events"], _filters(news["Filter"]["Key"]["FilterRules"])) for news in made
    ] == [
        (
            queues[_referred(news["Queue"])]["Properties"]["QueueName"],
            [news["Event"]],
            _filters(news["Filter"]["S3Key"]["Rules"]),
        )
        for news in told
    ]
    assert len(told) == 2


def _pool(name: str) -> Pool:
    mode = Mode(name="swb", reference_rates_hz=(48000,), degraded_rates_hz=(48000,), same_rate=True, ceiling=4.75)
    return Pool(name=name, engine="polqa", modes=(mode,), default_mode=mode.name)


def _only(data: Template, type_: str) -> Mapping[str, Any]:
    [resource] = data.find_resources(type_).values()
    properties: Mapping[str, Any] = resource["Properties"]
    return properties


def _key(table: Mapping[str, Any]) -> dict[str, str]:
    return {part["KeyType"]: part["AttributeName"] for part in table["KeySchema"]}


def _attributes(table: Mapping[str, Any]) -> dict[str, str]:
    return {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}


def _indexes(table: Mapping[str, Any]) -> dict[str, tuple[dict[str, str], str, list[str]]]:
    return {
        index["IndexName"]: (
            _key(index),
            index["Projection"]["ProjectionType"],
            sorted(index["Projection"].get("NonKeyAttributes", [])),
        )
        for index in table["GlobalSecondaryIndexes"]
    }


def _made_queue(sqs: SQSClient, url: str) -> tuple[str, dict[str, object]]:
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    made: dict[str, object] = {time: int(attributes[time]) for time in TIMES}
    if "RedrivePolicy" in attributes:
        policy = json.loads(attributes["RedrivePolicy"])
        made |= {"dead": _name(policy["deadLetterTargetArn"]), "receives": policy["maxReceiveCount"]}
    return _name(attributes["QueueArn"]), made


def _told_queue(queue: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, object]:
    told: dict[str, object] = {time: queue.get(time, UNTOLD.get(time)) for time in TIMES}
    if "RedrivePolicy" in queue:
        policy = queue["RedrivePolicy"]
        told |= {"dead": names[_referred(policy["deadLetterTargetArn"])], "receives": policy["maxReceiveCount"]}
    return told


def _told_rule(rule: Mapping[str, Any]) -> dict[str, object]:
    """A lifecycle rule as S3 tells it, of one in CloudFormation's words. An unknown word stays, and so is seen."""
    told = dict(rule)
    return {
        "ID": told.pop("Id"),
        "Filter": {"Prefix": told.pop("Prefix")},
        "Expiration": {"Days": told.pop("ExpirationInDays")},
        **told,
    }


def _by_id(rules: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {rule["ID"]: rule for rule in rules}


def _filters(rules: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return sorted((rule["Name"].lower(), rule["Value"]) for rule in rules)


def _referred(reference: Mapping[str, Any]) -> str:
    logical, attribute = reference["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(logical)


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]
