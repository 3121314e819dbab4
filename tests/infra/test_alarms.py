"""The alarms: what somebody is woken for, and that the metrics which they look at are really there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra.alarms import ENDS
from infra.settings.hosts import TAKEN
from sandbox.functions import _functions
from shared.pools import Lane
from shared.resources import COMMON_QUEUES, JOBS_TABLE, lane_queue
from tests.infra.resources import Properties, all_of, only, text
from worker import metrics as worker_metrics

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

ALARM = "AWS::CloudWatch::Alarm"


@pytest.fixture
def alarms(whole: Templates) -> dict[str, Properties]:
    """Every alarm of the deployment with everything, by its name without the stage."""
    found = [alarm for stack in ("Service", "Host") for alarm in all_of(whole[stack], ALARM).values()]
    return {alarm["AlarmName"].removeprefix("mosaic-prod-"): {**alarm, **_metric(alarm)} for alarm in found}


def test_each_lane_and_each_queue_behind_the_api_is_watched_for_messages_that_wait(
    alarms: dict[str, Properties], everything: Configuration
) -> None:
    lanes = {lane_queue(pool, lane): lane for pool in everything.pool_names for lane in Lane}
    minutes = {Lane.INTERACTIVE: everything.alarms.interactive_wait, Lane.BULK: everything.alarms.bulk_wait}
    for queue, lane in lanes.items():
        assert alarms[f"{queue}-wait"]["Threshold"] == minutes[lane] * 60
    for queue in [*lanes, "uploads", "batches"]:
        assert alarms[f"{queue}-wait"]["MetricName"] == "ApproximateAgeOfOldestMessage"
        assert _dimensions(alarms[f"{queue}-wait"]) == {"QueueName": everything.name(queue)}


def test_every_queue_is_worked_off_or_watched_for_any_message(
    alarms: dict[str, Properties], whole: Templates, everything: Configuration
) -> None:
    queues = {
        queue["QueueName"].removeprefix(everything.name(""))
        for stack in ("Data", "Service")
        for queue in all_of(whole[stack], "AWS::SQS::Queue").values()
    }
    assert {queue.name for queue in COMMON_QUEUES} < queues
    for queue in queues:
        name = f"{queue}-messages" if queue in ENDS else f"{queue}-wait"
        assert alarms[name]["Namespace"] == "AWS/SQS"


def test_each_function_is_watched_for_errors_and_throttles(alarms: dict[str, Properties]) -> None:
    for function in _functions():
        for kind, metric in (("errors", "Errors"), ("throttles", "Throttles")):
            alarm = alarms[f"{function}-{kind}"]
            assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("AWS/Lambda", metric, 0)


def test_each_host_is_watched_by_what_its_worker_tells(
    alarms: dict[str, Properties], everything: Configuration
) -> None:
    for pool, host in everything.hosts:
        for kind, metric in (("silent", "seats"), ("licence", "modes_held"), ("seats", "seats_up")):
            alarm = alarms[f"{host.name}-{kind}"]
            assert (alarm["Namespace"], alarm["MetricName"]) == (everything.metrics_namespace, metric)
            assert metric in worker_metrics.UNITS
            assert _dimensions(alarm) == {"pool": pool.name, "host": host.name}
    assert worker_metrics.DIMENSIONS == [["pool", "host"], ["pool"]]


def test_no_host_may_be_named_so_that_an_alarm_of_its_is_named_like_one_of_the_services(whole: Templates) -> None:
    """Two alarms of one name in two stacks: the second stack cannot be deployed."""
    host, service = (
        [alarm["AlarmName"].removeprefix("mosaic-prod-") for alarm in all_of(whole[stack], ALARM).values()]
        for stack in ("Host", "Service")
    )
    kinds = [name.removeprefix("adopted") for name in host if name.startswith("adopted")]
    assert {"-silent", "-credits"} < {*kinds}
    assert {name.removesuffix(kind) for name in service for kind in kinds if name.endswith(kind)} == TAKEN


def test_deployments_of_one_account_have_metrics_of_their_own(everything: Configuration, service: Template) -> None:
    """Their pools and hosts may be of the same names: one that is silent is not to be heard in another's stead."""
    other = everything.model_copy(update={"stage": "test"})
    assert other.metrics_namespace != everything.metrics_namespace
    body = text(only(service, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    told = set(re.findall(r'\["(?!AWS/)([^"]+)","\w+","pool"', body))
    assert told == {everything.metrics_namespace}


def test_silence_is_an_alarm_where_something_is_always_told(alarms: dict[str, Properties]) -> None:
    breaching = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] == "breaching"}
    assert breaching == {"reconciler-silent", "adopted-silent", "made-silent", "on-premises-silent"}


def test_machines_of_ec2_are_watched_by_ec2_and_others_are_not(alarms: dict[str, Properties]) -> None:
    assert _dimensions(alarms["adopted-status"]) == {"InstanceId": "i-0123456789abcdef0"}
    assert "madeInstance" in text(_dimensions(alarms["made-credits"])["InstanceId"])
    assert not {"on-premises-status", "on-premises-credits"} & alarms.keys()


def test_what_ec2_tells_each_five_minutes_is_looked_at_in_five_minutes(alarms: dict[str, Properties]) -> None:
    """EC2 User Guide, "List the available CloudWatch metrics": by the minute four of five would be missing, so well."""
    for name, seconds in (("adopted-credits", 300), ("adopted-status", 60)):
        [told] = alarms[name]["Metrics"]
        assert told["MetricStat"]["Period"] == seconds


def test_the_table_and_each_of_its_indexes_is_watched_and_its_alarm_ends(alarms: dict[str, Properties]) -> None:
    """DynamoDB tells of throttles only while there are some, and of the table's without those of its indexes.

    CloudWatch API Reference, PutMetricAlarm: an alarm on DynamoDB stays as it is while nothing is told.
    """
    for kind in ("read", "write"):
        expression, *told = alarms[f"table-{kind}-throttles"]["Metrics"]
        metrics = [one["MetricStat"]["Metric"] for one in told]
        assert {metric["MetricName"] for metric in metrics} == {f"{kind.title()}ThrottleEvents"}
        indexes = {_dimensions(metric).get("GlobalSecondaryIndexName") for metric in metrics}
        assert indexes == {None, *(index.name for index in JOBS_TABLE.indexes)}
        assert sorted(expression["Expression"].split(" + ")) == sorted(f"FILL({one['Id']}, 0)" for one in told)


def test_each_alarm_says_what_is_wrong_and_goes_to_the_topic_and_so_does_its_end(
    alarms: dict[str, Properties], whole: Templates, everything: Configuration
) -> None:
    topic = only(whole["Service"], "AWS::SNS::Topic")
    assert topic["TopicName"] == everything.name("alarms")
    for alarm in alarms.values():
        assert re.search(r"[.:] What to do: docs/deploy\.md", alarm["AlarmDescription"])
        assert alarm["AlarmActions"] == alarm["OKActions"] != []


def test_nobody_may_publish_but_this_accounts_alarms_and_events_and_only_by_tls(whole: Templates) -> None:
    statements = only(whole["Service"], "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert {statement["Principal"]["Service"]: statement.get("Condition") for statement in allowed} == {
        "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        "events.amazonaws.com": None,
    }
    [denied] = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_people_are_told_by_mail(whole: Templates, everything: Configuration) -> None:
    subscriptions = all_of(whole["Service"], "AWS::SNS::Subscription").values()
    assert [(one["Protocol"], one["Endpoint"]) for one in subscriptions] == [("email", everything.alarms.emails[0])]


def test_a_host_that_could_not_be_installed_on_is_told_too(whole: Templates) -> None:
    rule = only(whole["Host"], "AWS::Events::Rule")
    [document] = whole["Host"].find_resources("AWS::SSM::Document")
    assert rule["EventPattern"]["detail"] == {"document-name": [{"Ref": document}], "status": ["Failed"]}
    [target] = rule["Targets"]
    assert "mosaic-prod-alarms" in text(target["Arn"])


def test_the_dashboard_shows_every_pool_and_alarm_once(whole: Templates, everything: Configuration) -> None:
    """Those of the hosts too, which the stack after it makes: that a licence is lost, above all."""
    body = text(only(whole["Service"], "AWS::CloudWatch::Dashboard")["DashboardBody"])
    for pool in everything.pools:
        assert body.count(f"## Pool {pool.name}") == 1
    for name in whole["Service"].find_resources(ALARM):
        assert body.count(f"<{name}.Arn>") == 1
    for alarm in all_of(whole["Host"], ALARM).values():
        assert body.count(f':alarm:{alarm["AlarmName"]}"') == 1


def test_the_budget_tells_before_the_money_is_spent(whole: Templates, everything: Configuration) -> None:
    told = only(whole["Service"], "AWS::Budgets::Budget")
    assert everything.budget
    assert told["Budget"]["BudgetLimit"] == {"Amount": everything.budget.monthly_usd, "Unit": "USD"}
    notices = [one["Notification"] for one in told["NotificationsWithSubscribers"]]
    assert {(one["NotificationType"], one["Threshold"]) for one in notices} == {("ACTUAL", 80), ("FORECASTED", 100)}


def test_all_that_takes_tags_has_those_of_the_deployment(whole: Templates) -> None:
    for stack, type_ in (
        ("Data", "AWS::S3::Bucket"),
        ("Service", "AWS::Lambda::Function"),
        ("Host", "AWS::EC2::Instance"),
    ):
        for resource in all_of(whole[stack], type_).values():
            tags = {tag["Key"]: tag["Value"] for tag in resource["Tags"]}
            assert tags.items() >= {"service": "mosaic", "stage": "prod", "cost-centre": "4711"}.items()


def _metric(alarm: Properties) -> Properties:
    """What an alarm on one metric looks at; nothing of one on several."""
    [told, *more] = alarm["Metrics"]
    return {} if more else dict(told["MetricStat"]["Metric"])


def _dimensions(alarm: Properties) -> dict[str, object]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
