"""cdk-nag's AwsSolutions rules, and one table of the findings that stand, with why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Validations
from cdk_nag import AwsSolutionsChecks

if TYPE_CHECKING:
    from aws_cdk import App

    from infra.configuration import Configuration


@dataclass(frozen=True)
class Acknowledged:
    """A finding that stands in a stack, as cdk-nag names it, and why. `{bucket}` is the bucket's name."""

    stack: str
    finding: str
    reason: str


_RANDOM_KEYS = "Every object's key is random; the role may touch those under this prefix only."
_PREFIX = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket}/%s/*]"

ACKNOWLEDGED = (
    Acknowledged(
        "Data",
        "AwsSolutions-S1",
        "Who reads and writes is told already: objects are reached by links that the API signs and logs, and by two "
        "roles. Server access logs would hold these links, signatures included.",
    ),
    Acknowledged(
        "Data", "AwsSolutions-SQS3", "jobs-malformed is an end itself: nothing receives from it but a person."
    ),
    Acknowledged(
        "Service", "AwsSolutions-SQS3", "failed-events is an end itself: nothing receives from it but a person."
    ),
    *(
        Acknowledged(stack, _PREFIX % prefix, _RANDOM_KEYS)
        for stack in ("Service", "Host")
        for prefix in ("jobs", "references", "results")
    ),
    Acknowledged(
        "Service",
        "AwsSolutions-IAM5[Resource::*]",
        "dynamodb:ListStreams, which Lambda needs to poll the table's stream, knows no resources.",
    ),
    Acknowledged(
        "Service",
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        "API Gateway's own role, one an account and region, to write its logs: AWS keeps the policy for just that.",
    ),
    Acknowledged(
        "Service",
        "AwsSolutions-APIG2",
        "The function validates each request whole, and tells every error with a JSON pointer; the gateway would tell "
        "the first, in words of its own.",
    ),
    Acknowledged(
        "Service",
        "AwsSolutions-APIG4",
        "Every method asks for an API key, and the function refuses a key that is no tenant's.",
    ),
    Acknowledged("Service", "AwsSolutions-COG4", "Callers are programs with keys: there are no users to sign in."),
    Acknowledged(
        "Host",
        "AwsSolutions-IAM5[Resource::*]",
        "What the agent of Systems Manager calls knows no resources. AWS's own policy for it allows more.",
    ),
    Acknowledged(
        "Host",
        "AwsSolutions-EC26",
        "Its volumes are the image's, encrypted as the image is. To name them here would be to replace the machine "
        "where the image's words differ.",
    ),
    Acknowledged(
        "Host", "CloudFormation-Validate::W9010", "A literal image never changes by itself, and the machine with it."
    ),
)


def check(app: App, configuration: Configuration) -> None:
    """Let the app be synthesized only if all that is found is acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    bucket = configuration.bucket(configuration.account or "<AWS::AccountId>", configuration.region or "<AWS::Region>")
    for row in ACKNOWLEDGED:
        stack = app.node.find_child(row.stack)
        Validations.of(stack).acknowledge(Acknowledgment(id=row.finding.format(bucket=bucket), reason=row.reason))
