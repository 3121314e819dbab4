"""The machine's fingerprint: what a licence may be bound to, and what a stop and start of the instance may change."""

import json
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

METADATA_SECONDS = 0.5  # for each of two requests, answered within the host: 1 s tells whether there is anybody

_METADATA = "http://169.254.169.254"
_NO_METADATA = "not on EC2"
_INTERFACES = Path("/sys/class/net")
_CPUS = Path("/proc/cpuinfo")


def fingerprint() -> dict[str, str]:
    """Facts by name: host name, MAC addresses, CPU, EC2 instance id."""
    return {"host name": socket.gethostname(), **_mac_addresses(), "CPU": _cpu(), "instance": _instance_id()}


def _mac_addresses() -> dict[str, str]:
    """Those of network devices; what only software made, as for containers, comes and goes and binds no licence."""
    found = {}
    for interface in sorted(_INTERFACES.glob("*")):
        if (interface / "device").exists():
            with suppress(OSError):
                found[f"MAC {interface.name}"] = (interface / "address").read_text().strip()
    return found


def _cpu() -> str:
    """Count and model, as in `4 x Intel(R) Xeon(R) Platinum 8259CL`; ARM machines tell no model name (proc(5))."""
    with suppress(OSError):
        if model := re.search(r"^model name\s*:\s*(.+)$", _CPUS.read_text(), re.MULTILINE):
            return f"{os.cpu_count()} x {model[1]}"
    return f"{os.cpu_count()} x {os.uname().machine}"


def _instance_id() -> str:
    """By IMDSv2 (EC2 User Guide, "Use the Instance Metadata Service"), where and unless botocore's variables say."""
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return _NO_METADATA
    try:
        token = _ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        identity = json.loads(
            _ask("GET", "/latest/dynamic/instance-identity/document", {"X-aws-ec2-metadata-token": token})
        )
        return f"{identity['instanceId']}, {identity['instanceType']}"
    except (OSError, ValueError, KeyError, TypeError):  # nobody there, or somebody else: URLError is an OSError
        return _NO_METADATA


def _ask(method: str, path: str, headers: Mapping[str, str]) -> str:
    base = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", _METADATA).rstrip("/")
    request = urllib.request.Request(base + path, method=method, headers=dict(headers))  # noqa: S310 - our own address
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy would answer for another machine
    with direct.open(request, timeout=METADATA_SECONDS) as answer:
        content: bytes = answer.read(16 * 1024)
    return content.decode()
