"""VPC endpoints: all that a host calls, without the internet.

Of S3 and DynamoDB there are gateways, which cost nothing: AWS PrivateLink Guide, "Gateway endpoints".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk.aws_ec2 import CfnSecurityGroup, CfnVPCEndpoint
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.settings.delivery import Endpoints

GATEWAYS = ("s3", "dynamodb")
INTERFACES = ("sqs", "logs", "ssm", "ssmmessages", "ec2messages")
HTTPS = 443


class VpcEndpoints(Construct):
    """An endpoint for each service that a host calls; only the hosts reach those that have an address."""

    def __init__(self, scope: Construct, told: Endpoints, hosts: Sequence[str]) -> None:
        """`hosts`: the security groups of those that the deployment makes, beside those that are told."""
        super().__init__(scope, "Endpoints")
        region = Stack.of(self).region
        group = CfnSecurityGroup(
            self,
            "Group",
            group_description="Endpoints of Mosaic: its hosts call them",
            vpc_id=told.vpc,
            security_group_ingress=[
                CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=HTTPS,
                    to_port=HTTPS,
                    source_security_group_id=host,
                    description="A licensed host",
                )
                for host in (*told.security_groups, *hosts)
            ],
        )
        for service in GATEWAYS:
            CfnVPCEndpoint(
                self,
                service,
                vpc_id=told.vpc,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=list(told.route_tables),
            )
        for service in INTERFACES:
            CfnVPCEndpoint(
                self,
                service,
                vpc_id=told.vpc,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(told.subnets),
                security_group_ids=[group.attr_group_id],
            )
