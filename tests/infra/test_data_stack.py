"""What the Data stack keeps, and who may touch it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aws_cdk.assertions import Match

from shared.pools import Lane
from shared.resources import COMMON_QUEUES, lane_queue

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

TABLE, BUCKET, QUEUE = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"
BUCKET_POLICY, QUEUE_POLICY = "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"


def test_it_is_table_bucket_and_queues_and_nothing_that_runs(data: Template) -> None:
    types = {resource["Type"] for resource in data.to_json()["Resources"].values()}
    assert types == {TABLE, BUCKET, BUCKET_POLICY, QUEUE, QUEUE_POLICY}


@pytest.mark.parametrize("type_", [TABLE, BUCKET, QUEUE])
def test_what_holds_data_outlives_its_stack(data: Template, type_: str) -> None:
    for resource in data.find_resources(type_).values():
        assert resource["DeletionPolicy"] in ("Retain", "RetainExceptOnCreate")
        assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_table_is_on_demand_recoverable_and_protected_from_deletion(data: Template) -> None:
    protected = {
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    data.all_resources_properties(TABLE, protected)


def test_the_bucket_is_private_and_encrypted(data: Template) -> None:
    private = {
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ),
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    }
    data.all_resources_properties(BUCKET, private)


def test_the_bucket_and_all_in_it_refuse_what_does_not_come_by_tls(data: Template) -> None:
    [bucket] = data.find_resources(BUCKET)
    arn = {"Fn::GetAtt": [bucket, "Arn"]}
    refused = _without_tls("s3:*", [arn, {"Fn::Join": ["", [arn, "/*"]]}])
    data.has_resource_properties(BUCKET_POLICY, _policy({"Bucket": {"Ref": bucket}}, refused))


def test_browsers_may_upload_from_the_pages_that_are_named_and_from_no_other(
    data: Template, whole: Templates, everything: Configuration
) -> None:
    [none] = data.find_resources(BUCKET).values()
    assert "CorsConfiguration" not in none["Properties"]
    [bucket] = whole["Data"].find_resources(BUCKET).values()
    [rule] = bucket["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == list(everything.upload_origins)
    assert sorted(rule["AllowedMethods"]) == ["GET", "POST"]


def test_every_queue_is_encrypted_and_refuses_what_does_not_come_by_tls(data: Template) -> None:
    data.all_resources_properties(QUEUE, {"SqsManagedSseEnabled": True})
    for queue in data.find_resources(QUEUE):
        refused = _without_tls("sqs:*", {"Fn::GetAtt": [queue, "Arn"]})
        data.has_resource_properties(QUEUE_POLICY, _policy({"Queues": [{"Ref": queue}]}, refused))


def test_each_pool_has_a_queue_for_each_lane_beside_those_that_all_share(
    data: Template, configuration: Configuration
) -> None:
    expected = [queue.name for queue in COMMON_QUEUES]
    expected += [lane_queue(pool, lane) for pool in configuration.pool_names for lane in Lane]
    names = [queue["Properties"]["QueueName"] for queue in data.find_resources(QUEUE).values()]
    assert sorted(names) == sorted(configuration.name(name) for name in expected)


def test_nobody_is_let_in_but_this_bucket_which_may_send_to_the_uploads_queue(
    data: Template, configuration: Configuration
) -> None:
    allowed = [
        statement
        for type_ in (BUCKET_POLICY, QUEUE_POLICY)
        for policy in data.find_resources(type_).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] != "Deny"
    ]
    [bucket] = data.find_resources(BUCKET).values()
    _, (stage, *place) = bucket["Properties"]["BucketName"]["Fn::Join"]
    assert allowed == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": [_queue(data, configuration.name("uploads")), "Arn"]},
            "Condition": {
                "ArnEquals": {
                    "aws:SourceArn": {
                        "Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":s3:::{stage}", *place]],
                    }
                },
                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            },
        }
    ]


def test_the_bucket_waits_for_the_queue_to_let_it_in(data: Template, configuration: Configuration) -> None:
    queue = _queue(data, configuration.name("uploads"))
    [policy] = data.find_resources(QUEUE_POLICY, {"Properties": {"Queues": [{"Ref": queue}]}})
    data.has_resource(BUCKET, {"DependsOn": Match.array_with([policy])})


def _queue(data: Template, name: str) -> str:
    [queue] = data.find_resources(QUEUE, {"Properties": {"QueueName": name}})
    return queue


def _policy(of: dict[str, object], statement: dict[str, object]) -> dict[str, object]:
    return {**of, "PolicyDocument": {"Statement": Match.array_with([statement])}}


def _without_tls(action: str, resource: object) -> dict[str, object]:
    return {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
