"""The functions as they are deployed, against what the sandbox runs and what Lambda wants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Environment, Stack
from aws_cdk.aws_lambda import Runtime

from api.settings import ApiSettings
from infra import functions
from infra.configuration import MOST_POOLS, read
from infra.named_data import NamedData
from infra.settings.pools import shipped_presets
from sandbox.functions import FED_BY_QUEUES, _functions
from shared import settings
from shared.resources import STREAM_FILTERS
from tests.infra.resources import all_of, named, only, text

if TYPE_CHECKING:
    from pathlib import Path

    from aws_cdk.assertions import Template

    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

FUNCTION, LOG_GROUP, MAPPING, QUEUE = (
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::Lambda::EventSourceMapping",
    "AWS::SQS::Queue",
)
MOST_ENVIRONMENT_BYTES = 4096  # Lambda quotas: environment variables


def test_there_is_every_function_that_the_sandbox_runs(service: Template, configuration: Configuration) -> None:
    handlers = {function["FunctionName"]: function["Handler"] for function in all_of(service, FUNCTION).values()}
    ran = {
        configuration.name(name): f"{function._handler.__module__}.{function._handler.__name__}"
        for name, function in _functions().items()
    }
    assert handlers == ran


def test_each_is_told_what_its_settings_ask_for(service: Template, configuration: Configuration) -> None:
    for function in all_of(service, FUNCTION).values():
        environment = {name: text(value) for name, value in function["Environment"]["Variables"].items()}
        told = settings.read(ApiSettings, environment)
        assert told.pools == [pool.pool for pool in configuration.pools]
        assert told.lives == configuration.lives
        for name, url in told.queue_urls.items():
            assert url == f"https://sqs.<AWS::Region>.<AWS::URLSuffix>/<AWS::AccountId>/{configuration.name(name)}"


def test_each_runs_on_arm_with_the_newest_python_and_its_environment_is_encrypted(service: Template) -> None:
    newest = max(
        (name for name in dir(Runtime) if name.startswith("PYTHON_3_")), key=lambda name: int(name.rpartition("_")[2])
    )
    [key] = service.find_resources("AWS::KMS::Key", {"Properties": {"EnableKeyRotation": True}})
    for function in all_of(service, FUNCTION).values():
        assert function["Runtime"] == getattr(Runtime, newest).name
        assert function["Architectures"] == ["arm64"]
        assert function["KmsKeyArn"] == {"Fn::GetAtt": [key, "Arn"]}


def test_each_logs_to_a_group_that_forgets(service: Template, configuration: Configuration) -> None:
    groups = all_of(service, LOG_GROUP)
    for group in groups.values():
        assert group["RetentionInDays"] == configuration.log_days
    for function in all_of(service, FUNCTION).values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"


def test_queues_call_their_functions_which_say_what_of_a_batch_they_failed_on(
    service: Template, configuration: Configuration
) -> None:
    names = {logical: function["FunctionName"] for logical, function in all_of(service, FUNCTION).items()}
    mappings = [mapping for mapping in all_of(service, MAPPING).values() if "StartingPosition" not in mapping]
    fed = {names[mapping["FunctionName"]["Ref"]]: text(mapping["EventSourceArn"]) for mapping in mappings}
    assert fed == {
        configuration.name(
            function
        ): f"arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:{configuration.name(queue)}"
        for function, queue in FED_BY_QUEUES.items()
    }
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings)


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_run(
    service: Template, data: Template, configuration: Configuration
) -> None:
    """Lambda Developer Guide, "Configuring a queue to use with Lambda"."""
    for function, queue in FED_BY_QUEUES.items():
        timeout = named(service, FUNCTION, "FunctionName", configuration.name(function))["Timeout"]
        assert named(data, QUEUE, "QueueName", configuration.name(queue))["VisibilityTimeout"] >= 6 * timeout


def test_the_one_function_that_feeds_its_own_queue_is_let_go_on_for_longer_than_16_turns(
    service: Template, configuration: Configuration
) -> None:
    """Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops"."""
    policies = all_of(service, "AWS::IAM::Policy").values()
    for function, queue in FED_BY_QUEUES.items():
        plan = named(service, FUNCTION, "FunctionName", configuration.name(function))
        [role] = [policy for policy in policies if policy["Roles"] == [{"Ref": plan["Role"]["Fn::GetAtt"][0]}]]
        sends = [one for one in role["PolicyDocument"]["Statement"] if one["Action"] == "sqs:SendMessage"]
        feeds_itself = f":{configuration.name(queue)}" in text(sends)
        assert plan.get("RecursiveLoop") == ("Allow" if feeds_itself else None), function
    assert named(service, FUNCTION, "FunctionName", configuration.name("batch-starter"))["RecursiveLoop"] == "Allow"


def test_the_stream_is_filtered_split_where_it_fails_and_never_lost(service: Template) -> None:
    [mapping] = [mapping for mapping in all_of(service, MAPPING).values() if "StartingPosition" in mapping]
    [failed] = service.find_resources(QUEUE)
    assert [json.loads(rule["Pattern"]) for rule in mapping["FilterCriteria"]["Filters"]] == list(STREAM_FILTERS)
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": [failed, "Arn"]}}}
    assert mapping["MaximumRetryAttempts"] > 0
    assert "StreamArn" in text(mapping["EventSourceArn"])


def test_the_clock_calls_the_reconciler_each_minute_and_one_that_failed_is_kept(
    service: Template, configuration: Configuration
) -> None:
    rule = only(service, "AWS::Events::Rule")
    [target] = rule["Targets"]
    [failed] = service.find_resources(QUEUE)
    called = all_of(service, FUNCTION)[target["Arn"]["Fn::GetAtt"][0]]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    assert called["FunctionName"] == configuration.name("reconciler")
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [failed, "Arn"]}}
    invoked = only(service, "AWS::Lambda::EventInvokeConfig")
    assert invoked["MaximumRetryAttempts"] == 0
    assert invoked["DestinationConfig"]["OnFailure"] == {"Destination": {"Fn::GetAtt": [failed, "Arn"]}}


def test_what_is_reserved_is_so_only_where_the_deployment_asks_for_it(
    service: Template, whole: Templates, everything: Configuration
) -> None:
    """Lambda Developer Guide, "Configuring reserved concurrency": a new account has none to give away."""
    assert not [one for one in all_of(service, FUNCTION).values() if "ReservedConcurrentExecutions" in one]
    reserved = {
        one["FunctionName"].removeprefix(everything.name("")): one["ReservedConcurrentExecutions"]
        for one in all_of(whole["Service"], FUNCTION).values()
        if "ReservedConcurrentExecutions" in one
    }
    assert reserved == {"api": everything.api.concurrency, "reconciler": 1}


def test_what_is_asked_for_of_memory_and_time_is_what_lambda_has(service: Template) -> None:
    """Lambda quotas: 128 to 10,240 MB, 900 s; and the gateway waits for 29 s."""
    for function in all_of(service, FUNCTION).values():
        assert 128 <= function["MemorySize"] <= 10_240
        assert 3 <= function["Timeout"] <= 300
    assert named(service, FUNCTION, "Handler", "api.app.handler")["Timeout"] == functions.GATEWAY_SECONDS


@pytest.mark.parametrize("preset", shipped_presets())
def test_as_many_pools_as_there_may_be_fit_into_an_environment(tmp_path: Path, preset: str) -> None:
    pool = f'[[pools]]\nname = "{{}}{"p" * 39}"\nengine = "polqa"\npreset = "{preset}"\n'
    pools = [pool.format(number) for number in range(MOST_POOLS)]
    stack = Stack(env=Environment(account="123456789012", region="ap-southeast-1"))
    longest = _read(tmp_path, pools)
    told = stack.resolve(functions.environment(longest, NamedData(stack, longest)))
    assert sum(len(name) + len(text(value)) for name, value in told.items()) <= MOST_ENVIRONMENT_BYTES
    with pytest.raises(settings.BadSettings, match=f"pools: .*at most {MOST_POOLS}"):
        _read(tmp_path, [*pools, pool.format(9)])


def _read(tmp_path: Path, pools: list[str]) -> Configuration:
    path = tmp_path / "stage.toml"
    path.write_text(f'stage = "{"s" * 20}"\n' + "".join(pools))
    return read(path)
