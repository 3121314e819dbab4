"""A licensed machine that is made from an image of one, once: no deploy ever replaces it, or makes it another one.

The licence is bound to what the machine is. CloudFormation replaces an instance where certain properties change
(CloudFormation Template Reference, AWS::EC2::Instance, "Update requires: Replacement"); all that are set here are
literal, and a test compares them with a record. What a new root volume is, how it is encrypted, and what runs at the
first start are the image's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnResource, RemovalPolicy
from aws_cdk.aws_ec2 import CfnInstance, CfnNetworkInterface, CfnSecurityGroup
from constructs import Construct

if TYPE_CHECKING:
    from infra.host_role import HostRole
    from infra.settings.hosts import NewInstance

HTTPS = 443


class NewHost(Construct):
    """The instance; its network interface, whose MAC address the licence may read; a security group without way in."""

    def __init__(self, scope: Construct, name: str, told: NewInstance, role: HostRole) -> None:
        super().__init__(scope, name)
        group = CfnSecurityGroup(
            self,
            "Group",
            group_description="A licensed host of Mosaic: calls out, and nobody calls in",
            vpc_id=told.vpc,
            security_group_ingress=[],
            security_group_egress=[
                CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp", from_port=HTTPS, to_port=HTTPS, cidr_ip="0.0.0.0/0", description="AWS"
                )
            ],
        )
        interface = CfnNetworkInterface(
            self,
            "Interface",
            subnet_id=told.subnet,
            group_set=[group.attr_group_id],
            description=f"Of {name}: it outlives the instance, and so does its MAC address",
        )
        instance = CfnInstance(
            self,
            "Instance",
            image_id=told.ami,
            instance_type=told.instance_type,
            iam_instance_profile=role.profile.ref,
            network_interfaces=[
                CfnInstance.NetworkInterfaceProperty(device_index="0", network_interface_id=interface.attr_id)
            ],
            disable_api_termination=True,
            metadata_options=CfnInstance.MetadataOptionsProperty(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                instance_metadata_tags="disabled",
            ),
            monitoring=True,  # by the minute
        )
        for kept in (group, interface, instance):
            _keep(kept)
        self.instance_id = instance.ref
        self.group_id = group.attr_group_id


def _keep(resource: CfnResource) -> None:
    resource.apply_removal_policy(RemovalPolicy.RETAIN, apply_to_update_replace_policy=True)
