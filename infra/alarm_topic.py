"""Where all alarms go: one topic, which sends mail to those that are to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk.aws_iam import PolicyStatement, ServicePrincipal
from aws_cdk.aws_sns import ITopic, Topic
from aws_cdk.aws_sns_subscriptions import EmailSubscription

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration


def alarm_topic(scope: Construct, configuration: Configuration) -> Topic:
    """The topic: alarms of this account may publish, and events, by TLS only."""
    topic = Topic(scope, "Alarms", topic_name=configuration.name("alarms"), enforce_ssl=True)
    own = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    # EventBridge User Guide, "Troubleshooting": it publishes to no topic whose policy asks for a condition.
    for teller, conditions in (("cloudwatch.amazonaws.com", own), ("events.amazonaws.com", None)):
        topic.add_to_resource_policy(
            PolicyStatement(
                principals=[ServicePrincipal(teller)],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions=conditions,
            )
        )
    for email in configuration.alarms.emails:
        topic.add_subscription(EmailSubscription(email))
    return topic


def named_topic(scope: Construct, configuration: Configuration) -> ITopic:
    """The same, as another stack knows it."""
    arn = Stack.of(scope).format_arn(service="sns", resource=configuration.name("alarms"))
    return Topic.from_topic_arn(scope, "Alarms", arn)
