"""Deployments for tests."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra.configuration import EXAMPLE, read

if TYPE_CHECKING:
    from infra.configuration import Configuration

ROOT = Path(__file__).parents[2]

EVERYTHING = """
stage = "prod"
upload_origins = ["https://console.example.org"]
[[pools]]
name = "polqa-3"
engine = "polqa"
preset = "{preset}"
[[pools.hosts]]
name = "adopted"
seats = 2
instance_id = "i-0123456789abcdef0"
settings = {{ CACHE_BYTES = "4294967296" }}
[[pools.hosts]]
name = "made"
seats = 4
[pools.hosts.create]
ami = "ami-0123456789abcdef0"
instance_type = "m6i.xlarge"
vpc = "vpc-0123456789abcdef0"
subnet = "subnet-0123456789abcdef0"
[[pools]]
name = "visqol-3"
engine = "visqol"
[[pools.hosts]]
name = "on-premises"
seats = 8
instance_id = "mi-0123456789abcdef0"
[api]
callers = ["198.51.100.0/24", "2001:db8::/32"]
concurrency = 100
[api.domain]
name = "polqa.example.org"
certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
truststore = "s3://example-trust/callers/all.pem"
[alarms]
emails = ["operator@example.org"]
[budget]
monthly_usd = 500
emails = ["owner@example.org"]
[delivery]
python_archive = "python.tar.gz"
python_sha256 = "{sha256}"
python_version = "3.12"
[endpoints]
vpc = "vpc-0123456789abcdef0"
subnets = ["subnet-0123456789abcdef0"]
route_tables = ["rtb-0123456789abcdef0"]
security_groups = ["sg-0123456789abcdef0"]
[tags]
cost-centre = "4711"
"""


def everything(directory: Path, preset: str = "opticom-table") -> Configuration:
    """A deployment with all that there is, and a stand-in for the hosts' interpreter."""
    sha256 = python_archive(directory)
    path = directory / "everything.toml"
    path.write_text(EVERYTHING.format(sha256=sha256, preset=preset))
    return read(path)


def python_archive(directory: Path) -> str:
    """Put a stand-in for the hosts' interpreter there, as `python.tar.gz`; its SHA-256."""
    archive = directory / "python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("python/bin/python3"))
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def example() -> Configuration:
    """The one that the project shows."""
    return read(EXAMPLE)
