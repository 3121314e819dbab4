"""The licensed machines: adopted by their id, or made from an image of one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from infra.settings.part import Part, Short

# What the deployment tells each worker itself; a test compares.
TOLD = frozenset(
    {"TABLE", "BUCKET", "LIVES", "QUEUE_URLS", "POOL", "POOLS", "ENGINE", "HOST", "SEATS", "LOG_GROUP"}
    | {"METRICS_NAMESPACE"}
)

# The service's own alarms have names like `reconciler-silent`, and a host's are `<host>-silent`; a test compares.
TAKEN = frozenset({"reconciler"})

SettingName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
SettingValue = Annotated[str, Field(pattern=r"^[^'\r\n]*$")]  # it stands in single quotes, in one line
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]
VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$")]


class NewInstance(Part):
    """A machine to be made from an image of a licensed one. Nothing of it may change later."""

    ami: str = Field(pattern=r"^ami-[0-9a-f]{8,17}$", description="Literal: one that is looked up changes by itself.")
    instance_type: str = Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$")
    vpc: VpcId
    subnet: SubnetId


class HostSettings(Part):
    """A machine with a licence. On-premises machines are adopted by the id that their activation gave them (`mi-…`)."""

    name: Short
    seats: int = Field(ge=1, le=64, description="How many runs at once its licence allows.")
    instance_id: str | None = Field(None, pattern=r"^m?i-[0-9a-f]{8,17}$")
    create: NewInstance | None = Field(None, validate_default=True)
    settings: dict[SettingName, SettingValue] = Field(
        default_factory=dict,
        description="More of the worker's settings, without `MOSAIC_`: docs/operate.md lists them.",
    )

    @field_validator("name")
    @classmethod
    def _not_an_alarms(cls, name: str) -> str:
        if name in TAKEN:
            raise ValueError("an alarm of the service's would have the same name as one of this host's: take another")
        return name

    @field_validator("create")
    @classmethod
    def _one_of_both(cls, create: NewInstance | None, info: ValidationInfo) -> NewInstance | None:
        if "instance_id" in info.data and (create is None) == (info.data["instance_id"] is None):
            raise ValueError("name either the instance_id of a machine that is there, or under create what to make")
        return create

    @field_validator("settings")
    @classmethod
    def _nothing_twice(cls, settings: dict[str, str]) -> dict[str, str]:
        if twice := sorted(TOLD & settings.keys()):
            raise ValueError(f"the deployment tells each worker its {', '.join(twice)}: leave that out here")
        return settings

    @property
    def is_instance(self) -> bool:
        """Whether it is an instance of EC2, so that EC2 has metrics of it."""
        return self.create is not None or str(self.instance_id).startswith("i-")
