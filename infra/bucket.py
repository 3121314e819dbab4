"""The one private bucket, for audio and results, and the events of what is uploaded to it.

CDK's own way to set up bucket events is a function that calls S3 during the deploy. A property of the bucket does it
without. S3 then sends a test message when it makes the bucket, so the queue must let it in before there is a bucket:
its policy knows the bucket by name only. (S3 User Guide, "Granting permissions to publish event notification messages
to a destination"; CloudFormation, AWS::S3::Bucket NotificationConfiguration.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_s3 import (
    BlockPublicAccess,
    Bucket,
    BucketEncryption,
    CfnBucket,
    CorsRule,
    HttpMethods,
    LifecycleRule,
    ObjectOwnership,
)

from shared.resources import ABANDONED_DAYS, BUCKET

if TYPE_CHECKING:
    from aws_cdk.aws_sqs import Queue
    from constructs import Construct

    from infra.configuration import Configuration


def audio_bucket(scope: Construct, configuration: Configuration, uploads: Queue) -> Bucket:
    """The bucket of `shared.resources`, which tells the queue of every upload."""
    stack = Stack.of(scope)
    name = configuration.bucket(stack.account, stack.region)
    uploads.add_to_resource_policy(_may_tell(stack, name, uploads))
    bucket = Bucket(
        scope,
        "Audio",
        bucket_name=name,
        block_public_access=BlockPublicAccess.BLOCK_ALL,
        object_ownership=ObjectOwnership.BUCKET_OWNER_ENFORCED,
        encryption=BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        lifecycle_rules=_lifecycle(),
        cors=_cors(configuration),
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )
    bucket.node.add_dependency(uploads.node.find_child("Policy"))
    _plain(bucket).notification_configuration = _events(uploads)
    return bucket


def _may_tell(stack: Stack, bucket: str, uploads: Queue) -> PolicyStatement:
    return PolicyStatement(
        principals=[ServicePrincipal("s3.amazonaws.com")],
        actions=["sqs:SendMessage"],
        resources=[uploads.queue_arn],
        conditions={
            "ArnEquals": {"aws:SourceArn": f"arn:{stack.partition}:s3:::{bucket}"},
            "StringEquals": {"aws:SourceAccount": stack.account},
        },
    )


def _lifecycle() -> list[LifecycleRule]:
    return [
        LifecycleRule(
            id=expiry.prefix.rstrip("/"),
            prefix=expiry.prefix,
            expiration=Duration.days(expiry.days),
            abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_DAYS),
        )
        for expiry in BUCKET.expiries
    ]


def _cors(configuration: Configuration) -> list[CorsRule] | None:
    """Browsers of these pages may upload by the API's policies, and read the links that it gives."""
    if not configuration.upload_origins:
        return None
    return [
        CorsRule(
            allowed_methods=[HttpMethods.POST, HttpMethods.GET],
            allowed_origins=list(configuration.upload_origins),
            allowed_headers=["*"],
            max_age=3600,
        )
    ]


def _events(uploads: Queue) -> CfnBucket.NotificationConfigurationProperty:
    return CfnBucket.NotificationConfigurationProperty(
        queue_configurations=[
            CfnBucket.QueueConfigurationProperty(
                event="s3:ObjectCreated:*", filter=_under(prefix), queue=uploads.queue_arn
            )
            for prefix in BUCKET.event_prefixes
        ]
    )


def _under(prefix: str) -> CfnBucket.NotificationFilterProperty:
    rule = CfnBucket.FilterRuleProperty(name="prefix", value=prefix)
    return CfnBucket.NotificationFilterProperty(s3_key=CfnBucket.S3KeyFilterProperty(rules=[rule]))


def _plain(bucket: Bucket) -> CfnBucket:
    plain = bucket.node.default_child
    if not isinstance(plain, CfnBucket):
        raise TypeError(f"a bucket is made of {plain!r}")
    return plain
