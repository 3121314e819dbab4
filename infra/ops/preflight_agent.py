"""What Systems Manager knows of a machine: its agent is what the worker is delivered through, and people come by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.ops.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ssm import SSMClient

OLDEST = (2, 2, 45)  # the first with aws:downloadContent: release notes of amazon-ssm-agent
ONLINE = "Online"  # Systems Manager API Reference, InstanceInformation: PingStatus

TO_DO = (
    "Install and start amazon-ssm-agent, with the instance profile attached (on premises: with its activation), and let"
    " it reach ssm, ssmmessages and ec2messages by HTTPS. It looks for new credentials now and then; at once after"
    " `systemctl restart amazon-ssm-agent`."
)


def is_online(findings: list[Finding]) -> bool:
    """Whether the agent can be asked to run something."""
    return any(finding.what == "agent" and not finding.to_do for finding in findings)


def look(ssm: SSMClient, instance_id: str) -> Iterator[Finding]:
    """The agent, and its version."""
    found = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance_id]}])
    if not found["InstanceInformationList"]:
        yield Finding("agent", "unknown to Systems Manager", TO_DO)
        return
    [agent] = found["InstanceInformationList"]
    status = agent["PingStatus"]
    yield Finding("agent", status.lower(), "" if status == ONLINE else TO_DO)
    version = agent["AgentVersion"]
    old = tuple(int(part) for part in version.split(".")[:3]) < OLDEST
    update = (
        f"aws ssm send-command --document-name AWS-UpdateSSMAgent --instance-ids {instance_id}"
        f" --region {ssm.meta.region_name}"
    )
    latest = "" if agent.get("IsLatestVersion") else ", not the newest"
    yield Finding("agent version", version + latest, update if old else "")
