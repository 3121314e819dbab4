"""Pools: one engine at one version family, with its own queues, and the modes that it scores in.

A mode is the scale a score is on, not a file's sample rate: ITU-T P.863 (2018) clause 1 for `nb` and `swb`
(fullband); ViSQOL v3's speech mode for `wb` (content to 8 kHz).
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

PoolName = Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9])*$", max_length=40)]


class Lane(StrEnum):
    """A queue of a pool."""

    INTERACTIVE = "interactive"  # single jobs: somebody waits
    BULK = "bulk"  # batches: nobody waits for one of them


class Mode(BaseModel):
    """One scale of an engine, and the audio that it takes. Rates in Hz, durations in seconds, ceiling in MOS."""

    model_config = ConfigDict(frozen=True)

    name: str
    reference_rates_hz: tuple[int, ...] = Field(min_length=1)
    degraded_rates_hz: tuple[int, ...] = Field(min_length=1)
    same_rate: bool = Field(description="The degraded file must have the reference's rate.")
    ceiling: float = Field(gt=1, le=5)
    min_seconds: float = Field(default=0.5, gt=0)
    max_seconds: float = Field(default=600, gt=0)


class Pool(BaseModel):
    """A pool and what its engine can do."""

    model_config = ConfigDict(frozen=True)

    name: PoolName
    engine: str
    version_family: str = Field("", description="What its engine's version begins with: 3 of 3.8.0; empty for any.")
    modes: tuple[Mode, ...] = Field(min_length=1)
    default_mode: str

    @model_validator(mode="after")
    def _default_is_a_mode(self) -> Self:
        if self.default_mode not in {mode.name for mode in self.modes}:
            raise ValueError(f"default_mode {self.default_mode!r} is none of the pool's modes")
        return self

    def mode(self, name: str | None) -> Mode:
        """The mode of that name, or the default. Raises KeyError where the engine has none of that name."""
        wanted = self.default_mode if name is None else name
        for mode in self.modes:
            if mode.name == wanted:
                return mode
        raise KeyError(wanted)
