"""The `Host` stack: the licensed machines, what they may do, and how the worker comes to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Tags

from infra import alarms
from infra.alarm_topic import named_topic
from infra.endpoints import VpcEndpoints
from infra.host_role import HostRole
from infra.logs import log_group
from infra.named_data import NamedData
from infra.new_host import NewHost
from infra.stack import DeploymentStack
from infra.worker_delivery import WorkerDelivery
from infra.worker_environment import log_group_of

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration


class HostStack(DeploymentStack):
    """Adopts machines by their id, or makes them, and never replaces one."""

    def __init__(self, scope: Construct, configuration: Configuration, service_stack: DeploymentStack) -> None:
        super().__init__(scope, configuration, "host", "the licensed machines and their worker", kept=True)
        self.add_stack_dependency(service_stack, "its alarms go to the same topic; workers poll queues")
        data = NamedData(self, configuration)
        self.log = log_group(self, "WorkerLog", log_group_of(configuration), configuration.log_days)
        roles = {pool.name: HostRole(self, configuration, pool.name, data, self.log) for pool in configuration.pools}
        made: dict[str, NewHost] = {}
        self.instance_ids: dict[str, str] = {}
        for pool, host in configuration.hosts:
            if host.create:
                made[host.name] = NewHost(self, host.name, host.create, roles[pool.name])
                Tags.of(made[host.name]).add("Name", configuration.name(host.name))  # `preflight` finds it by this
            self.instance_ids[host.name] = made[host.name].instance_id if host.create else str(host.instance_id)
        topic = named_topic(self, configuration)
        watched = (
            plan
            for pool, host in configuration.hosts
            for plan in alarms.of_host(configuration, pool, host, self.instance_ids[host.name])
        )
        alarms.Alarms(self, configuration, watched, topic)
        if configuration.delivery:
            delivery = WorkerDelivery(self, configuration, configuration.delivery, data)
            delivery.tell_failures(topic)
            for pool, host in configuration.hosts:
                delivery.to(pool, host, self.instance_ids[host.name], roles[pool.name])
        if configuration.endpoints:
            VpcEndpoints(self, configuration.endpoints, [host.group_id for host in made.values()])
        for pool_name, role in roles.items():
            CfnOutput(self, f"{pool_name}-role-name", key=_word(f"{pool_name}Role"), value=role.role.role_name)


def _word(text: str) -> str:
    return "".join(part[0].upper() + part[1:] for part in text.split("-"))
