"""The REST API in front of its function: keys, plans, binary types, access logs, and its own refusals as problems."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aws_cdk import aws_apigateway as gateway
from aws_cdk.aws_certificatemanager import Certificate
from aws_cdk.aws_s3 import Bucket
from constructs import Construct

from infra.gateway_responses import refuse_by_problems
from infra.logs import log_group
from shared.resources import AUDIO_TYPES

if TYPE_CHECKING:
    from aws_cdk.aws_lambda import IFunction
    from aws_cdk.aws_logs import LogGroup

    from infra.configuration import Configuration
    from infra.settings.api import Domain, PlanSettings

STAGE = "api"  # in front of every path of the default endpoint; a domain of one's own does without

# Who called what, and what came of it. A key is told by its id: the value is a secret, and so are signed parameters.
# Variables: API Gateway Developer Guide, "Variables for access logging".
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "at": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "api_key_id": "$context.identity.apiKeyId",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "refusal": "$context.error.responseType",
    "firewall": "$context.waf.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "function_milliseconds": "$context.integration.latency",
    "function_error": "$context.integration.error",
    "user_agent": "$context.identity.userAgent",
}


class Api(Construct):
    """One greedy resource: the function knows the routes, and says of each wrong one what is wrong with it."""

    def __init__(self, scope: Construct, configuration: Configuration, function: IFunction) -> None:
        super().__init__(scope, "Api")
        domain = configuration.api.domain
        log = log_group(self, "AccessLog", f"/aws/apigateway/{configuration.name('access')}", configuration.log_days)
        self.rest = gateway.RestApi(
            self,
            "Rest",
            rest_api_name=configuration.name("api"),
            description="Mosaic: speech quality scores",
            endpoint_types=[gateway.EndpointType.REGIONAL],
            binary_media_types=list(AUDIO_TYPES),
            api_key_source_type=gateway.ApiKeySourceType.HEADER,
            disable_execute_api_endpoint=domain is not None,  # there mutual TLS would not be asked for
            cloud_watch_role=True,  # one an account and region, without which nothing is logged: it stays
            deploy_options=_stage(configuration, log),
            domain_name=self._domain(domain) if domain else None,
            default_method_options=gateway.MethodOptions(api_key_required=True),  # the root's method too
        )
        self.rest.root.add_proxy(
            any_method=True,
            default_integration=gateway.LambdaIntegration(function, allow_test_invoke=False),
        )
        self._own_log(configuration)
        refuse_by_problems(self.rest)
        for name in type(configuration.api.plans).model_fields:
            self._plan(configuration.name(name), getattr(configuration.api.plans, name))

    def _own_log(self, configuration: Configuration) -> None:
        """The log of its own errors. The gateway would make the group itself, to be kept for ever.

        API Gateway Developer Guide, "Set up CloudWatch logging for REST APIs": its name.
        """
        name = f"API-Gateway-Execution-Logs_{self.rest.rest_api_id}/{STAGE}"
        self.rest.deployment_stage.node.add_dependency(log_group(self, "OwnLog", name, configuration.log_days))

    def _domain(self, domain: Domain) -> gateway.DomainNameOptions:
        return gateway.DomainNameOptions(
            domain_name=domain.name,
            certificate=Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
            security_policy=gateway.SecurityPolicy.TLS_1_2,
            mtls=self._callers_certificates(domain.truststore) if domain.truststore else None,
        )

    def _callers_certificates(self, truststore: str) -> gateway.MTLSConfig:
        bucket, _, key = truststore.removeprefix("s3://").partition("/")
        return gateway.MTLSConfig(bucket=Bucket.from_bucket_name(self, "Truststore", bucket), key=key)

    def _plan(self, name: str, settings: PlanSettings) -> None:
        self.rest.add_usage_plan(
            name,
            name=name,
            throttle=gateway.ThrottleSettings(rate_limit=settings.requests_per_second, burst_limit=settings.burst),
            quota=gateway.QuotaSettings(limit=settings.requests_per_month, period=gateway.Period.MONTH),
            api_stages=[gateway.UsagePlanPerApiStage(api=self.rest, stage=self.rest.deployment_stage)],
        )


def _stage(configuration: Configuration, log: LogGroup) -> gateway.StageOptions:
    plans = configuration.api.plans
    return gateway.StageOptions(
        stage_name=STAGE,
        access_log_destination=gateway.LogGroupLogDestination(log),
        access_log_format=gateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
        logging_level=gateway.MethodLoggingLevel.ERROR,
        data_trace_enabled=False,  # it would log bodies and keys
        metrics_enabled=True,
        # Of all keys together: twice what one on the largest plan may.
        throttling_rate_limit=2 * plans.heavy.requests_per_second,
        throttling_burst_limit=2 * plans.heavy.burst,
    )
