"""The API's front door as it is deployed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aws_cdk.aws_apigateway import ResponseType

from api.problem_kinds import Kind
from infra.api_gateway import ACCESS_LOG
from infra.gateway_responses import REFUSALS
from sandbox.gateway import KEY_HEADER
from shared.resources import AUDIO_TYPES
from tests.infra.resources import all_of, only, text
from tests.unit.ops.conftest import PLANS

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

METHOD, STAGE, RESPONSE, PLAN, LOG_GROUP = (
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::UsagePlan",
    "AWS::Logs::LogGroup",
)

NEVER_HERE = {"UNAUTHORIZED", "DEFAULT_4XX", "DEFAULT_5XX"}  # no authorizer is there; the others are of any status


def test_every_method_asks_for_a_key_in_the_header_that_clients_send(service: Template) -> None:
    methods = all_of(service, METHOD).values()
    assert {(method["HttpMethod"], method["ApiKeyRequired"]) for method in methods} == {("ANY", True)}
    assert (only(service, "AWS::ApiGateway::RestApi")["ApiKeySourceType"], KEY_HEADER) == ("HEADER", "x-api-key")


def test_every_type_of_audio_is_binary(service: Template) -> None:
    assert sorted(only(service, "AWS::ApiGateway::RestApi")["BinaryMediaTypes"]) == sorted(AUDIO_TYPES)


def test_there_are_the_three_plans_that_keys_are_put_on(service: Template, configuration: Configuration) -> None:
    plans = {plan["UsagePlanName"]: plan for plan in all_of(service, PLAN).values()}
    assert sorted(plans) == sorted(configuration.name(name) for name in PLANS)
    for plan in plans.values():
        assert plan["Quota"]["Limit"] > 0
        assert plan["Throttle"]["RateLimit"] > 0
        assert len(plan["ApiStages"]) == 1


def test_whatever_the_gateway_refuses_it_says_as_a_problem(service: Template) -> None:
    responses = {response["ResponseType"]: response for response in all_of(service, RESPONSE).values()}
    assert set(responses) == {_type(name) for name in dir(ResponseType) if name.isupper()}
    for response in responses.values():
        headers = response["ResponseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        document = json.loads(response["ResponseTemplates"]["application/json"])
        assert document["type"].startswith("urn:mosaic:problem:")
        assert document["detail"]
        assert str(document.get("status", "")) == response.get("StatusCode", "")


def test_what_the_gateway_refuses_is_what_openapi_tells_of() -> None:
    refused = {refusal.name: refusal.status for type_, refusal in REFUSALS.items() if type_ not in NEVER_HERE}
    assert refused == {name: Kind[name.upper()].status for name in refused}


def test_what_is_deployed_to_the_stage_has_every_refusal_and_every_method(service: Template) -> None:
    [deployment] = service.find_resources("AWS::ApiGateway::Deployment").values()
    assert {*service.find_resources(RESPONSE), *service.find_resources(METHOD)} <= set(deployment["DependsOn"])


def test_too_large_a_body_is_413_and_too_many_calls_say_when_to_come_again(service: Template) -> None:
    responses = {response["ResponseType"]: response for response in all_of(service, RESPONSE).values()}
    assert responses["REQUEST_TOO_LARGE"]["StatusCode"] == "413"
    assert responses["THROTTLED"]["StatusCode"] == "429"
    assert responses["THROTTLED"]["ResponseParameters"]["gatewayresponse.header.Retry-After"] == "'2'"


def test_access_is_logged_without_a_secret(service: Template) -> None:
    """`apiKey` is the key itself, `apiKeyId` its name; a query may hold a cursor, and headers the key."""
    stage = only(service, STAGE)
    told = json.loads(stage["AccessLogSetting"]["Format"])
    assert told == ACCESS_LOG
    secret = ("identity.apiKey", "header", "querystring", "authorizer", "identity.caller", "clientCert")
    assert not [field for field in told.values() if field.endswith(secret) or "header" in field]
    assert "api_key_id" in told
    [settings] = stage["MethodSettings"]
    assert (settings["DataTraceEnabled"], settings["LoggingLevel"]) == (False, "ERROR")


def test_what_the_gateway_logs_of_itself_is_forgotten_too(service: Template, configuration: Configuration) -> None:
    """API Gateway makes the group where it is not there yet, and keeps for ever what it writes."""
    [api] = service.find_resources("AWS::ApiGateway::RestApi")
    groups = {text(group["LogGroupName"]): name for name, group in all_of(service, LOG_GROUP).items()}
    own = groups[f"API-Gateway-Execution-Logs_<{api}>/{only(service, STAGE)['StageName']}"]
    assert all_of(service, LOG_GROUP)[own]["RetentionInDays"] == configuration.log_days
    [stage] = service.find_resources(STAGE).values()
    assert own in stage["DependsOn"]


def test_all_callers_together_are_throttled(service: Template) -> None:
    [settings] = only(service, STAGE)["MethodSettings"]
    assert settings["ThrottlingRateLimit"] > 0
    assert settings["ThrottlingBurstLimit"] > 0


def test_nobody_may_call_the_function_but_this_api(service: Template) -> None:
    permissions = all_of(service, "AWS::Lambda::Permission").values()
    principals = {permission["Principal"]: text(permission["SourceArn"]) for permission in permissions}
    assert set(principals) == {"apigateway.amazonaws.com", "events.amazonaws.com"}
    [api] = service.find_resources("AWS::ApiGateway::RestApi")
    assert f"<{api}>" in principals["apigateway.amazonaws.com"]


def test_a_name_of_ones_own_asks_for_certificates_and_there_is_no_way_around_it(whole: Templates) -> None:
    domain = only(whole["Service"], "AWS::ApiGateway::DomainName")
    assert domain["MutualTlsAuthentication"] == {"TruststoreUri": "s3://example-trust/callers/all.pem"}
    assert domain["SecurityPolicy"] == "TLS_1_2"
    assert only(whole["Service"], "AWS::ApiGateway::RestApi")["DisableExecuteApiEndpoint"] is True
    assert only(whole["Service"], "AWS::ApiGateway::BasePathMapping")["DomainName"]


def test_where_callers_are_known_all_others_are_blocked(whole: Templates) -> None:
    sets = {one["IPAddressVersion"]: one["Addresses"] for one in all_of(whole["Service"], "AWS::WAFv2::IPSet").values()}
    assert sets == {"IPV4": ["198.51.100.0/24"], "IPV6": ["2001:db8::/32"]}
    first = min(only(whole["Service"], "AWS::WAFv2::WebACL")["Rules"], key=lambda rule: rule["Priority"])
    assert (first["Name"], first["Action"]) == ("callers", {"Block": {}})
    assert len(first["Statement"]["NotStatement"]["Statement"]["OrStatement"]["Statements"]) == 2


def _type(name: str) -> str:
    return str(getattr(ResponseType, name).response_type)
