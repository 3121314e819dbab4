"""The firewall before the API: a rate for each address, AWS's managed rules, and where callers may come from.

Rules that look into bodies only count on the paths that carry audio, jobs and batches: audio looks like anything, so do
a client's label and metadata, and these, or a hundred items, may be larger than the 8 KB that those rules let pass.
Everywhere else they block, by the labels that they leave. Rules and labels: AWS WAF Developer Guide, "AWS Managed Rules
rule groups list"; capacity there, 1,500 in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from aws_cdk.aws_wafv2 import CfnIPSet, CfnLoggingConfiguration, CfnWebACL, CfnWebACLAssociation
from constructs import Construct

from infra.logs import log_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk.aws_apigateway import Stage

    from infra.configuration import Configuration

# With the stage before it on the default endpoint, and without on a domain of one's own.
FREE_BODIES = r"^(/api)?/v1/(score|jobs|batches(/[^/]+/jobs)?)$"

COMMON, BAD_INPUTS, REPUTATION = (
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
)
# The rules of those groups that look into bodies, and the labels that they leave.
OF_BODIES = {
    COMMON: {
        "SizeRestrictions_BODY": "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body",
        "EC2MetaDataSSRF_BODY": "awswaf:managed:aws:core-rule-set:EC2MetaDataSSRF_Body",
        "GenericLFI_BODY": "awswaf:managed:aws:core-rule-set:GenericLFI_Body",
        "GenericRFI_BODY": "awswaf:managed:aws:core-rule-set:GenericRFI_Body",
        "CrossSiteScripting_BODY": "awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body",
    },
    BAD_INPUTS: {
        "JavaDeserializationRCE_BODY": "awswaf:managed:aws:known-bad-inputs:JavaDeserializationRCE_Body",
        "Log4JRCE_BODY": "awswaf:managed:aws:known-bad-inputs:Log4JRCE_Body",
    },
    REPUTATION: {},
}

Statement = CfnWebACL.StatementProperty
Rule = CfnWebACL.RuleProperty
Action = CfnWebACL.RuleActionProperty


class Firewall(Construct):
    """A web ACL on a stage of the API. It logs what it blocked or counted, and never a key."""

    def __init__(self, scope: Construct, configuration: Configuration, stage: Stage) -> None:
        super().__init__(scope, "Firewall")
        self.name = configuration.name("api")
        acl = CfnWebACL(
            self,
            "Acl",
            name=self.name,
            scope="REGIONAL",
            default_action=CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen(self.name),
            rules=_in_order([*self._callers(configuration), _rate(configuration), *_managed(), _bodies()]),
        )
        CfnWebACLAssociation(self, "Stage", web_acl_arn=acl.attr_arn, resource_arn=stage.stage_arn)
        # WAF writes to groups of such a name only: AWS WAF Developer Guide, "Amazon CloudWatch Logs log group".
        log_name = f"aws-waf-logs-{self.name}"
        log = log_group(self, "Log", log_name, configuration.log_days)
        logging = CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[
                Stack.of(self).format_arn(  # the group's own ends in `:*`, which WAF does not take
                    service="logs",
                    resource="log-group",
                    resource_name=log_name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            redacted_fields=[
                CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "x-api-key"}),
                CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [{"ActionCondition": {"Action": action}} for action in ("BLOCK", "COUNT")],
                    }
                ],
            },
        )
        logging.node.add_dependency(log)

    def _callers(self, configuration: Configuration) -> list[Rule]:
        """Blocks whoever calls from elsewhere, where that is told: by a set for each IP version."""
        told = configuration.api.callers
        sets = []
        for version in {network.version for network in told}:
            addresses = [str(network) for network in told if network.version == version]
            sets.append(
                CfnIPSet(
                    self, f"Callers{version}", scope="REGIONAL", ip_address_version=f"IPV{version}", addresses=addresses
                )
            )
        known = [
            Statement(ip_set_reference_statement=CfnWebACL.IPSetReferenceStatementProperty(arn=one.attr_arn))
            for one in sets
        ]
        return [_blocks("callers", _not(_any(known)))] if known else []


def _rate(configuration: Configuration) -> Rule:
    rate = CfnWebACL.RateBasedStatementProperty(
        aggregate_key_type="IP", limit=configuration.api.requests_per_5_minutes, evaluation_window_sec=300
    )
    return _blocks("rate", Statement(rate_based_statement=rate))


def _managed() -> list[Rule]:
    return [_group(name, list(rules)) for name, rules in OF_BODIES.items()]


def _group(name: str, counted: list[str]) -> Rule:
    group = CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=name,
        rule_action_overrides=[
            CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=Action(count={})) for rule in counted
        ]
        or None,
    )
    return Rule(
        name=name,
        priority=0,
        statement=Statement(managed_rule_group_statement=group),
        override_action=CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_seen(name),
    )


def _bodies() -> Rule:
    labels = [label for rules in OF_BODIES.values() for label in rules.values()]
    labelled = [
        Statement(label_match_statement=CfnWebACL.LabelMatchStatementProperty(scope="LABEL", key=label))
        for label in labels
    ]
    path = CfnWebACL.RegexMatchStatementProperty(
        field_to_match=CfnWebACL.FieldToMatchProperty(uri_path={}),
        regex_string=FREE_BODIES,
        text_transformations=[CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
    )
    elsewhere = _not(Statement(regex_match_statement=path))
    both = CfnWebACL.AndStatementProperty(statements=[_any(labelled), elsewhere])
    return _blocks("bodies", Statement(and_statement=both))


def _blocks(name: str, statement: Statement) -> Rule:
    return Rule(name=name, priority=0, statement=statement, action=Action(block={}), visibility_config=_seen(name))


def _any(statements: Sequence[Statement]) -> Statement:
    if len(statements) == 1:
        return statements[0]
    return Statement(or_statement=CfnWebACL.OrStatementProperty(statements=list(statements)))


def _not(statement: Statement) -> Statement:
    return Statement(not_statement=CfnWebACL.NotStatementProperty(statement=statement))


def _in_order(rules: Sequence[Rule]) -> list[Rule]:
    return [
        Rule(
            name=rule.name,
            priority=priority,
            statement=rule.statement,
            action=rule.action,
            override_action=rule.override_action,
            visibility_config=rule.visibility_config,
        )
        for priority, rule in enumerate(rules)
    ]


def _seen(metric: str) -> CfnWebACL.VisibilityConfigProperty:
    return CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True,
        metric_name=metric,
        sampled_requests_enabled=False,  # samples show headers
    )
