"""The result of a job: the score, and what one needs to trust it."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Advice(BaseModel):
    """Advice about a score that was given all the same."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class EngineRecord(BaseModel):
    """Which engine gave the score, and how it was set."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)


class Result(BaseModel):
    """What a succeeded job holds, and the head of its result document. `mos_lqo` is null where there is no signal."""

    model_config = ConfigDict(frozen=True)

    mos_lqo: float | None = Field(allow_inf_nan=False)
    mode: str
    engine: EngineRecord
    warnings: list[Advice] = Field(default_factory=list)
    prepared: list[dict[str, JsonValue]] = Field(default_factory=list)
    audio: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    timings_ms: dict[str, int] = Field(default_factory=dict)
