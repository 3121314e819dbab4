"""What a licensed host may do: its worker's calls, and those of the agent that delivers the worker to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk.aws_iam import CfnInstanceProfile, CompositePrincipal, PolicyStatement, Role, ServicePrincipal
from constructs import Construct

from infra.permissions import Needs, statements
from shared.object_keys import JOBS_PREFIX, REFERENCES_PREFIX, RESULTS_PREFIX
from shared.pools import Lane
from shared.resources import MALFORMED_QUEUE, lane_queue

if TYPE_CHECKING:
    from aws_cdk.aws_logs import LogGroup

    from infra.configuration import Configuration
    from infra.named_data import NamedData

# What the agent calls to be reached (Session Manager), to be told what to install, and to say what came of it. AWS's
# own policy for it, AmazonSSMManagedInstanceCore, lets a host read every parameter of the account besides.
# Service Authorization Reference: none of these knows a resource that could be named here.
AGENT = (
    *("ssm:UpdateInstanceInformation", "ssm:ListAssociations", "ssm:ListInstanceAssociations"),
    *("ssm:DescribeAssociation", "ssm:GetDocument", "ssm:DescribeDocument", "ssm:GetManifest"),
    *("ssm:PutInventory", "ssm:PutComplianceItems", "ssm:PutConfigurePackageResult"),
    *("ssm:UpdateAssociationStatus", "ssm:UpdateInstanceAssociationStatus"),
    *("ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel"),
    *("ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"),
    *("ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage"),
    *("ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply"),
)


def worker_needs(pool: str) -> Needs:
    """What the workers of a pool do."""
    return Needs(
        items=("GetItem", "PutItem", "UpdateItem"),
        reads=(JOBS_PREFIX, REFERENCES_PREFIX),
        writes=(RESULTS_PREFIX,),
        deletes=(RESULTS_PREFIX,),
        lists=True,
        sends=(MALFORMED_QUEUE,),
        consumes=tuple(lane_queue(pool, lane) for lane in Lane),
    )


class HostRole(Construct):
    """The role of a pool's hosts, and the instance profile that gives it to those in EC2.

    Hosts on one's own premises get it by a hybrid activation of Systems Manager, of this account only.
    """

    def __init__(
        self, scope: Construct, configuration: Configuration, pool: str, data: NamedData, log: LogGroup
    ) -> None:
        super().__init__(scope, f"{pool}-role")
        account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        self.role = Role(
            self,
            "Role",
            assumed_by=CompositePrincipal(
                ServicePrincipal("ec2.amazonaws.com"), ServicePrincipal("ssm.amazonaws.com", conditions=account)
            ),
            description=f"Mosaic: hosts of the pool {pool}",
        )
        for statement in statements(worker_needs(pool), data):
            self.role.add_to_policy(statement)
        log.grant_write(self.role)
        self.role.add_to_policy(PolicyStatement(actions=list(AGENT), resources=["*"]))
        self.profile = CfnInstanceProfile(
            self,
            "Profile",
            instance_profile_name=configuration.name(f"host-{pool}"),
            roles=[self.role.role_name],
        )

    def may_fetch(self, bucket_arn: str, key: str) -> None:
        """Allow the agent to fetch one object. It lists before it does: amazon-ssm-agent, s3resource.go."""
        self.role.add_to_policy(PolicyStatement(actions=["s3:GetObject"], resources=[f"{bucket_arn}/{key}"]))
        self.role.add_to_policy(
            PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{key}*"}},
            )
        )
