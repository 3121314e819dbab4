"""How the worker comes to its hosts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from infra.settings.hosts import SubnetId, VpcId
from infra.settings.part import Part, Some
from infra.settings.pools import FOLDER


class Delivery(Part):
    """The interpreter that goes to the hosts with the worker: theirs may be too old. docs/deploy.md says where from."""

    python_archive: Path = Field(description="A relocatable CPython for the hosts: a .tar.gz; from this file's folder.")
    python_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", validate_default=True)
    python_version: str = Field(pattern=r"^3\.1[1-3]$")

    @field_validator("python_archive")
    @classmethod
    def _is_there(cls, archive: Path, info: ValidationInfo) -> Path:
        folder: Path = (info.context or {}).get(FOLDER, Path())
        found = (folder / archive).absolute()
        if not found.is_file():
            raise ValueError(f"there is no file {found}")
        return found

    @field_validator("python_sha256")
    @classmethod
    def _is_it(cls, told: str, info: ValidationInfo) -> str:
        archive = info.data.get("python_archive")
        if archive:
            with archive.open("rb") as file:
                if (found := hashlib.file_digest(file, "sha256").hexdigest()) != told:
                    raise ValueError(f"the file's is {found}")
        return told


class Endpoints(Part):
    """VPC endpoints, for hosts that are to reach AWS without the internet. They are paid for by the hour."""

    vpc: VpcId
    subnets: Some[SubnetId]
    route_tables: Some[str]
    security_groups: Some[str] = Field(description="The hosts' own: what may reach the endpoints.")
