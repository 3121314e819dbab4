"""What EC2 says of a machine: whether it runs, as whom, how it hands out credentials, and who may call in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.ops.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import InstanceTypeDef, IpPermissionOutputTypeDef

# EC2 API Reference, "Error codes for the Amazon EC2 API".
UNKNOWN = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})


def made(ec2: EC2Client, name: str) -> str | None:
    """The id of the machine that the deployment made under that name; None before it did."""
    filters = [
        {"Name": "tag:Name", "Values": [name]},
        {"Name": "instance-state-name", "Values": ["running", "stopped"]},
    ]
    for reservation in ec2.describe_instances(Filters=filters)["Reservations"]:  # type: ignore[arg-type]
        for instance in reservation["Instances"]:
            return instance["InstanceId"]
    return None


def look(ec2: EC2Client, instance_id: str, profile: str) -> Iterator[Finding]:
    """All of it; `profile` is the name of the instance profile that the machine should have."""
    try:
        [reservation] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in UNKNOWN:
            raise
        yield Finding(
            "instance", "not there", "Look at instance_id, at the region, and at whose credentials these are."
        )
        return
    [instance] = reservation["Instances"]
    yield _state(instance)
    yield _profile(ec2, instance, profile)
    yield _metadata(ec2, instance)
    yield from _inbound(ec2, instance)


def _state(instance: InstanceTypeDef) -> Finding:
    state, kind = instance["State"]["Name"], instance["InstanceType"]
    to_do = (
        f"aws ec2 start-instances --instance-ids {instance['InstanceId']}; a start may bring other hardware under the"
        " licence: then `python -m worker check` on it."
    )
    return Finding("instance", f"{state}, {kind}", "" if state == "running" else to_do)


def _profile(ec2: EC2Client, instance: InstanceTypeDef, profile: str) -> Finding:
    """EC2 User Guide, "Attach an IAM role to an instance", "Replace an IAM role"."""
    has = instance.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2]
    if has == profile:
        return Finding("profile", has)
    if not has:
        attach = f"associate-iam-instance-profile --instance-id {instance['InstanceId']}"
    else:
        attach = f"replace-iam-instance-profile-association --association-id {_association(ec2, instance)}"
    region = ec2.meta.region_name
    command = f"aws ec2 {attach} --iam-instance-profile Name={profile} --region {region}"
    return Finding("profile", has or "none", f"Once the stack Host is deployed: {command}")


def _association(ec2: EC2Client, instance: InstanceTypeDef) -> str:
    """The id by which what is attached can be replaced."""
    of_it = [{"Name": "instance-id", "Values": [instance["InstanceId"]]}]
    found = ec2.describe_iam_instance_profile_associations(Filters=of_it)["IamInstanceProfileAssociations"]  # type: ignore[arg-type]
    return next((one["AssociationId"] for one in found if one["State"] == "associated"), "…")


def _metadata(ec2: EC2Client, instance: InstanceTypeDef) -> Finding:
    """EC2 User Guide, "Configure the Instance Metadata Service options": credentials by token only (IMDSv2)."""
    options = instance.get("MetadataOptions", {})
    endpoint, tokens = options.get("HttpEndpoint", "disabled"), options.get("HttpTokens", "optional")
    well = (endpoint, tokens) == ("enabled", "required")
    command = (
        f"aws ec2 modify-instance-metadata-options --instance-id {instance['InstanceId']} --http-endpoint enabled"
        f" --http-tokens required --region {ec2.meta.region_name}"
    )
    return Finding("metadata", f"{endpoint}, token {tokens}", "" if well else command)


def _inbound(ec2: EC2Client, instance: InstanceTypeDef) -> Iterator[Finding]:
    """The worker only calls out, and people come by Session Manager: no rule lets anybody in."""
    groups = sorted({group["GroupId"] for one in instance["NetworkInterfaces"] for group in one["Groups"]})
    if not groups:
        return
    found = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    for group in found:
        rules = group["IpPermissions"]
        if rules:
            command = (
                f"aws ec2 revoke-security-group-ingress --group-id {group['GroupId']} --region {ec2.meta.region_name}"
                f" --ip-permissions '{json.dumps(rules, separators=(',', ':'))}'"
            )
            told = "; ".join(map(_words, rules))
            yield Finding("inbound", f"{group['GroupId']} lets in {told}", f"Once nobody needs it: {command}")
    if not any(group["IpPermissions"] for group in found):
        yield Finding("inbound", "closed")


def _words(rule: IpPermissionOutputTypeDef) -> str:
    """A rule in words: protocol -1 is every one (EC2 API Reference, IpPermission)."""
    protocol, first, last = rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")
    ports = "" if first is None else f" {first}" if first == last else f" {first}-{last}"
    sources = [
        *(one["CidrIp"] for one in rule.get("IpRanges", [])),
        *(one["CidrIpv6"] for one in rule.get("Ipv6Ranges", [])),
        *(one["PrefixListId"] for one in rule.get("PrefixListIds", [])),
        *(one["GroupId"] for one in rule.get("UserIdGroupPairs", [])),
    ]
    return f"{'all' if protocol == '-1' else protocol}{ports} from {', '.join(sources)}"
