"""The firewall: what it blocks, and what it lets pass because it carries audio."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from api.documents import NewJob
from infra.waf import FREE_BODIES, OF_BODIES
from tests.infra.resources import Properties, only

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

    from infra.configuration import Configuration

BODIES = {rule for rules in OF_BODIES.values() for rule in rules}


@pytest.fixture
def rules(service: Template) -> dict[str, Properties]:
    return {rule["Name"]: rule for rule in only(service, "AWS::WAFv2::WebACL")["Rules"]}


def test_it_stands_before_the_stage(service: Template) -> None:
    [acl] = service.find_resources("AWS::WAFv2::WebACL")
    association = only(service, "AWS::WAFv2::WebACLAssociation")
    [stage] = service.find_resources("AWS::ApiGateway::Stage")
    assert association["WebACLArn"] == {"Fn::GetAtt": [acl, "Arn"]}
    assert {"Ref": stage} in association["ResourceArn"]["Fn::Join"][1]


def test_an_address_may_call_so_often_and_no_more(rules: dict[str, Properties], configuration: Configuration) -> None:
    rate = rules["rate"]
    assert rate["Action"] == {"Block": {}}
    assert rate["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": configuration.api.requests_per_5_minutes,
    }


def test_rules_on_bodies_count_and_all_other_managed_rules_block(rules: dict[str, Properties]) -> None:
    groups = [rule for rule in rules.values() if "ManagedRuleGroupStatement" in rule["Statement"]]
    assert len(groups) == 3
    counted = set()
    for group in groups:
        assert group["OverrideAction"] == {"None": {}}
        for override in group["Statement"]["ManagedRuleGroupStatement"].get("RuleActionOverrides", []):
            assert override["ActionToUse"] == {"Count": {}}
            counted.add(override["Name"])
    assert counted == BODIES


@pytest.mark.parametrize(
    ("path", "carries"),
    [
        ("/v1/score", True),
        ("/api/v1/score", True),
        ("/api/v1/batches", True),
        ("/api/v1/batches/abc/jobs", True),
        ("/v1/batches/abc/start", False),
        ("/api/v1/jobs", True),
        ("/api/v1/jobs/abc/uploads", False),
        ("/api/v1/references", False),
        ("/v1/scores", False),
        ("/x/v1/score", False),
        ("/v1/jobs/../score", False),
    ],
)
def test_what_looks_bad_in_a_body_is_blocked_but_where_audio_jobs_or_a_batch_is_sent(
    rules: dict[str, Properties], path: str, carries: bool
) -> None:
    """Written as a WAF would: after the groups, whose labels it goes by."""
    rule = rules["bodies"]
    assert rule["Priority"] == max(other["Priority"] for other in rules.values())
    assert rule["Action"] == {"Block": {}}
    labelled, elsewhere = rule["Statement"]["AndStatement"]["Statements"]
    labels = {one["LabelMatchStatement"]["Key"] for one in labelled["OrStatement"]["Statements"]}
    assert labels == {label for group in OF_BODIES.values() for label in group.values()}
    regex = elsewhere["NotStatement"]["Statement"]["RegexMatchStatement"]
    assert regex["FieldToMatch"] == {"UriPath": {}}
    assert bool(re.search(regex["RegexString"], path)) is carries


def test_no_job_that_the_api_takes_is_too_large_for_the_firewall() -> None:
    """AWS WAF Developer Guide, "Core rule set": SizeRestrictions_BODY refuses more than 8,192 bytes."""
    metadata = {f"{number:064}": "m" * 512 for number in range(16)}
    largest = NewJob.model_validate({"metadata": metadata})
    assert len(largest.model_dump_json()) > 8192
    assert re.search(FREE_BODIES, "/v1/jobs")


def test_its_log_holds_no_key_and_no_query(service: Template) -> None:
    logging = only(service, "AWS::WAFv2::LoggingConfiguration")
    assert logging["RedactedFields"] == [{"SingleHeader": {"Name": "x-api-key"}}, {"QueryString": {}}]
    assert not only(service, "AWS::WAFv2::WebACL")["VisibilityConfig"]["SampledRequestsEnabled"]
