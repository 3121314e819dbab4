"""The pools of a deployment: which engine each has, in what modes it scores, and the hosts that work for it."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from infra.settings.hosts import HostSettings
from infra.settings.part import Part, each_once
from shared.pools import Mode, Pool, PoolName

PRESETS = Path(__file__).parents[2] / "worker" / "engines" / "presets"  # read as files: infra knows nothing of worker
FOLDER = "folder"  # where the configuration's own file is: what it names is found from there

# As the engine describes itself; a test compares. A licensed tool's modes are in its preset.
VISQOL_MODES: tuple[Mode, ...] = (
    Mode(
        name="wb",
        reference_rates_hz=(16000, 48000),
        degraded_rates_hz=(16000, 48000),
        same_rate=True,
        ceiling=5.0,
        min_seconds=0.64,
    ),
)


class _Modes(BaseModel):
    """What a preset says of the engine's modes; the worker reads the rest of it."""

    model_config = ConfigDict(extra="ignore")

    default_mode: str
    modes: dict[str, dict[str, object]]


def _hosts_once(hosts: tuple[HostSettings, ...]) -> tuple[HostSettings, ...]:
    each_once(host.name for host in hosts)
    return hosts


class PoolSettings(Part):
    """A pool: one engine at one version family, with its own queues."""

    name: PoolName
    engine: Literal["polqa", "visqol"]
    preset: Path | None = Field(
        None,
        validate_default=True,
        description="Of `polqa`: the name of one that the worker ships, or the path of your own from this file.",
    )
    version_family: str = Field(
        "", max_length=40, description="What its engine's version begins with; a host with another one does not start."
    )
    hosts: Annotated[tuple[HostSettings, ...], AfterValidator(_hosts_once)] = ()

    @field_validator("preset")
    @classmethod
    def _preset_is_there(cls, preset: Path | None, info: ValidationInfo) -> Path | None:
        engine = info.data.get("engine")
        if engine == "visqol" and preset:
            raise ValueError("ViSQOL has no presets: leave it out")
        if engine == "polqa":
            if not preset:
                raise ValueError(f"polqa needs one: {', '.join(shipped_presets())}, or the path of your own")
            found = _found(preset, info.context)
            _read(found)
            return found
        return preset

    @cached_property
    def pool(self) -> Pool:
        """The pool as the functions know it."""
        modes, default = VISQOL_MODES, VISQOL_MODES[0].name
        if self.preset:
            told = _read(self.preset)
            modes = tuple(Mode.model_validate({"name": name, **mode}) for name, mode in told.modes.items())
            default = told.default_mode
        return Pool(
            name=self.name,
            engine=self.engine,
            version_family=self.version_family,
            modes=modes,
            default_mode=default,
        )


def shipped_presets() -> list[str]:
    """The names of the presets that come with the worker."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def _found(preset: Path, context: dict[str, Path] | None) -> Path:
    own = ((context or {}).get(FOLDER, Path()) / preset).absolute()
    path = own if preset.suffix else PRESETS / f"{preset}.toml"
    if not path.is_file():
        raise ValueError(f"there is no preset {preset}. Shipped are {', '.join(shipped_presets())}")
    return path


def _read(path: Path) -> _Modes:
    return _Modes.model_validate(tomllib.loads(path.read_text()))
