"""The `Service` stack: the API, its functions, what calls them, and what watches over all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput

from infra import alarms, event_sources
from infra.alarm_topic import alarm_topic
from infra.api_gateway import Api
from infra.budget import monthly_budget
from infra.dashboard import dashboard
from infra.functions import Functions, plans
from infra.named_data import NamedData
from infra.stack import DeploymentStack
from infra.waf import Firewall

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration
    from infra.data_stack import DataStack


class ServiceStack(DeploymentStack):
    """Holds nothing that cannot be made anew."""

    def __init__(self, scope: Construct, configuration: Configuration, data_stack: DataStack) -> None:
        super().__init__(scope, configuration, "service", "the API, its functions, alarms")
        self.add_stack_dependency(data_stack, "functions are called by its queues")
        data = NamedData(self, configuration)
        self.functions = Functions(self, configuration, data).all
        self.failed = event_sources.failed_events(self, configuration)
        event_sources.from_queues(self.functions, data)
        event_sources.from_stream(self.functions["stream-reader"], data_stack.table, self.failed)
        event_sources.each_minute(self, self.functions["reconciler"], self.failed)
        self.api = Api(self, configuration, self.functions["api"])
        Firewall(self, configuration, self.api.rest.deployment_stage)
        self._watch(configuration, data)
        domain = configuration.api.domain
        if domain and self.api.rest.domain_name:
            target = self.api.rest.domain_name.domain_name_alias_domain_name
            CfnOutput(self, "DomainTarget", value=target, description=f"Let {domain.name} be a CNAME of this")
        CfnOutput(self, "Url", value=f"https://{domain.name}" if domain else self.api.rest.url.rstrip("/"))

    def _watch(self, configuration: Configuration, data: NamedData) -> None:
        functions = plans(configuration, data)
        topic = alarm_topic(self, configuration)
        made = alarms.Alarms(self, configuration, alarms.of_service(configuration, functions), topic)
        dashboard(self, configuration, functions, made.all)
        if configuration.budget:
            monthly_budget(self, configuration, configuration.budget)
