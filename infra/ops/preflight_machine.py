"""What a machine says of itself: asked by one Run Command of a script that only reads, preflight.sh."""

from __future__ import annotations

import shlex
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from infra.ops.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from types_boto3_ssm import SSMClient
    from types_boto3_ssm.type_defs import GetCommandInvocationResultTypeDef

SCRIPT = Path(__file__).with_name("preflight.sh")
# What the worker calls; the agent's own services have answered by then. Not STS: credentials come from the metadata
# service, or from the agent.
CALLED: tuple[Literal["sqs", "dynamodb", "s3", "logs"], ...] = ("sqs", "dynamodb", "s3", "logs")

RUN_SECONDS = 90  # four addresses of 10 s at most, and the way there and back
POLL_SECONDS = 1
# Systems Manager API Reference, GetCommandInvocation: Status.
UNDER_WAY = frozenset({"Pending", "InProgress", "Delayed"})

GIB = 1 << 30
CLOCK_SECONDS = 30  # with more, the worker claims nothing: `worker.clock`; a test compares
ROOM = {
    "/opt": (2 * GIB, "two versions of the worker, and a third while it is unpacked"),
    "/var/cache": (4 * GIB, "references (CACHE_BYTES), the files of jobs in hand, and the floor (DISK_FLOOR_BYTES)"),
}
OLDEST = {
    "systemd": ((239,), "The unit asks for it: CentOS 8 and Debian 10 have it."),
    "glibc": ((2, 28), "The worker's wheels ask for it: CentOS 8 and Debian 10 have it."),
}
TOOLS = ("tar", "flock", "curl")


def look(ssm: SSMClient, instance_id: str, addresses: Sequence[str]) -> Iterator[Finding]:
    """Run the script there, and judge what it says. The addresses are those that the worker calls."""
    sent = ssm.send_command(
        DocumentName="AWS-RunShellScript",
        InstanceIds=[instance_id],
        Comment="Mosaic: preflight, reads only",
        TimeoutSeconds=30,  # to reach the agent; SSM takes no less
        Parameters={
            "commands": [shlex.join(["set", "--", *addresses]), *SCRIPT.read_text().splitlines()],
            "executionTimeout": [str(RUN_SECONDS)],
        },
    )
    ended = _wait(ssm, sent["Command"]["CommandId"], instance_id)
    if ended["Status"] != "Success":
        said = ended["StandardErrorContent"].strip() or ended["StatusDetails"]
        yield Finding("machine", f"not looked at: {said}", "Run it again; /var/log/amazon/ssm there says more.")
        return
    yield from judge(facts(ended["StandardOutputContent"]), addresses)


def _wait(ssm: SSMClient, command_id: str, instance_id: str) -> GetCommandInvocationResultTypeDef:
    """How the command ended; a moment after it was sent, Systems Manager does not know of it yet."""
    retrying = Retrying(
        retry=retry_if_result(lambda found: found["Status"] in UNDER_WAY)
        | retry_if_exception_type(ssm.exceptions.InvocationDoesNotExist),
        wait=wait_fixed(POLL_SECONDS),
        stop=stop_after_delay(RUN_SECONDS + 2 * 30),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    return retrying(ssm.get_command_invocation, CommandId=command_id, InstanceId=instance_id)


def facts(said: str) -> dict[str, str]:
    """What the script said, by name; empty where the machine could not tell."""
    return dict(line.partition("=")[::2] for line in said.splitlines() if "=" in line)


def judge(told: Mapping[str, str], addresses: Sequence[str]) -> Iterator[Finding]:
    """What is well of it and what is not."""
    machine = told.get("machine", "")
    yield Finding(
        "processor", machine or "unknown", "" if machine == "x86_64" else "The worker is delivered for x86_64 only."
    )
    for name, (oldest, why) in OLDEST.items():
        version = told.get(name, "")
        yield Finding(name, version or "none", "" if _parts(version) >= oldest else why)
    for tool in TOOLS:
        yield Finding(tool, told.get(tool) or "none", "" if told.get(tool) else f"Install {tool}.")
    for directory in ROOM:
        yield _room(directory, told.get(f"free {directory}", ""))
    for address in addresses:
        yield _reach(address, told)
    yield _clock(told, addresses)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _room(directory: str, kibibytes: str) -> Finding:
    needed, for_what = ROOM[directory]
    free = int(kibibytes) * 1024 if kibibytes.isdigit() else 0
    to_do = f"Make room for {needed // GIB} GiB: {for_what}."
    return Finding(f"free under {directory}", f"{free / GIB:.1f} GiB", "" if free >= needed else to_do)


def _reach(address: str, told: Mapping[str, str]) -> Finding:
    host = address.partition("://")[2]
    if f"clock {address}" in told:
        return Finding(host, "answers")
    to_do = "Let the machine call it by HTTPS (TCP 443): route, network ACL, the security group's outbound rules, DNS."
    return Finding(host, told.get(f"silence {address}") or "was not asked", to_do)


def _clock(told: Mapping[str, str], addresses: Sequence[str]) -> Finding:
    """By the `Date` of the answers (RFC 9110, section 6.6.1), which is told in whole seconds."""
    off = [_off(told, address) for address in addresses if told.get(f"date {address}")]
    if not off:
        return Finding("clock", "unknown", "It is compared with the answers of AWS: see above.")
    least = min(off, key=abs)
    to_do = "Have chrony keep it: in EC2 from 169.254.169.123, the Amazon Time Sync Service."
    return Finding("clock", f"{least:+.0f} s", "" if abs(least) <= CLOCK_SECONDS else to_do)


def _off(told: Mapping[str, str], address: str) -> float:
    return float(told[f"clock {address}"]) - parsedate_to_datetime(told[f"date {address}"]).timestamp()
