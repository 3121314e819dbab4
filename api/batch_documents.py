"""What clients send and get about batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, Field, JsonValue
from pydantic_core import PydanticCustomError

from api.documents import (
    METADATA_ENTRIES,
    Answer,
    CreatedJob,
    JobRequest,
    Label,
    Links,
    Metadata,
    MetadataKey,
    MetadataValue,
    Request,
    Timestamp,
    timestamp,
)
from shared.batches import BatchState
from shared.job import JobError
from shared.result import Result
from shared.states import State

if TYPE_CHECKING:
    from shared.batch_counts import Counts, Scale
    from shared.batches import Batch

MOST_ITEMS = 100  # a call
CUSTOM_ID_CHARACTERS = 128
FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # OWASP, "CSV Injection"


class NewBatch(Request):
    """The body of `POST /v1/batches`."""

    label: str | None = Field(None, max_length=200)
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=METADATA_ENTRIES)


def _no_formula(custom_id: str) -> str:
    """Tables are joined by it, so that it cannot be quoted in the results as other text is."""
    if custom_id.startswith(FORMULA_STARTS):
        raise PydanticCustomError(
            "formula",
            "A custom_id may not begin with =, +, -, @, their full-width forms, tab, CR or LF: spreadsheets take that"
            " for a formula.",
        )
    return custom_id


class NewItem(JobRequest):
    """One job of a batch. It starts once its files are there and its batch is started, whichever comes last."""

    custom_id: Annotated[str, AfterValidator(_no_formula)] = Field(
        min_length=1, max_length=CUSTOM_ID_CHARACTERS, description="Yours; known once within its batch."
    )


class NewItems(Request):
    """The body of `POST /v1/batches/{id}/jobs`."""

    jobs: Annotated[list[dict[str, JsonValue]], Field(min_length=1, max_length=MOST_ITEMS)] = Field(
        description="Each is a NewItem, and is answered by itself: one that is wrong stands in no other's way."
    )


class ItemAnswer(Answer):
    """What became of one item: `status` as a call of its own would have it, with the job or the problem."""

    custom_id: str | None
    status: int
    job: CreatedJob | None = None
    problem: dict[str, JsonValue] | None = None


class ItemAnswers(Answer):
    """The answers to all items, in their order."""

    jobs: list[ItemAnswer]


class ScaleDocument(Answer):
    """The scores of one engine at one version, in one mode: only these may be compared. All in MOS."""

    engine: str
    version: str
    mode: str
    count: int
    mean: float
    median: float = Field(
        description="The mean of the scores in the histogram's step that holds it: less than 0.05 off, and never beyond"
        " the lowest or the highest score."
    )
    p5: float = Field(description="Likewise: one score in twenty is lower.")
    histogram: dict[str, int] = Field(description="Scores by the lower end of their step of 0.05.")


class BatchDocument(Answer):
    """A batch as its owner sees it."""

    id: str
    state: BatchState
    label: Label
    metadata: Metadata
    times: dict[BatchState, Timestamp] = Field(description="When each state was entered, of those that it was in.")
    jobs: int = Field(description="How many were added.")
    counts: dict[State, int] = Field(description="Jobs by state.")
    eta_seconds: float | None = Field(
        description="Seconds until what is started of it has ended. null: nothing is, or no host works at present."
    )
    scores: list[ScaleDocument] = Field(description="So far; of each engine, version and mode by itself.")
    warnings: list[str] = Field(description="`mixed_versions`: scores of several engine versions are among them.")
    expires_at: Timestamp = Field(
        description="When it goes, with its jobs and results: by default 30 days after it ended. Before that, 40 days"
        " after its start or the last job that was added."
    )
    links: Links


class BatchSummary(Answer):
    """A batch as lists show it."""

    id: str
    state: BatchState
    label: Label
    times: dict[BatchState, Timestamp] = Field(description="When each state was entered, of those that it was in.")
    expires_at: Timestamp = Field(description="When it goes, with its jobs and results.")
    links: Links


class BatchPage(Answer):
    """One page of a list. `next_cursor` is null on the last one."""

    batches: list[BatchSummary]
    next_cursor: str | None


class ResultsDocument(Answer):
    """Where a batch's results are, for a while."""

    format: str
    url: str = Field(description="Signed: it needs no key.")
    bytes: int
    expires_at: Timestamp = Field(description="Until when the link is good: 15 minutes.")


class ResultLine(Answer):
    """A line of a batch's results as JSON Lines: a job as it ended."""

    custom_id: str | None
    job: str
    state: State
    label: str | None
    metadata: dict[str, str]
    result: Result | None
    error: JobError | None


def batch_path(batch_id: str) -> str:
    """Where a batch is found."""
    return f"/v1/batches/{batch_id}"


def batch_document(batch: Batch, counts: Counts, eta_seconds: float | None) -> BatchDocument:
    """A batch with its counts."""
    versions = {(scale.engine, scale.version) for scale in counts.scales.values()}
    return BatchDocument(
        id=batch.id,
        state=batch.state,
        label=batch.label,
        metadata=batch.metadata,
        times=_times(batch.times),
        jobs=batch.items,
        counts={state: counts.states[state] for state in State},
        eta_seconds=eta_seconds,
        scores=[_scale(scale) for scale in counts.scales.values() if scale.count],
        warnings=["mixed_versions"] if len(versions) > 1 else [],
        expires_at=timestamp(batch.expires_at),
        links=_links(batch.id),
    )


def batch_summary(item: Mapping[str, JsonValue]) -> BatchSummary:
    """A batch from what the index `by_tenant` holds of it."""
    batch = _Listed.model_validate(item)
    batch_id = batch.pk.removeprefix("BATCH#")
    return BatchSummary(
        id=batch_id,
        state=batch.state,
        label=batch.label,
        times=_times(batch.times),
        expires_at=timestamp(batch.expires_at),
        links=_links(batch_id),
    )


class _Listed(BaseModel):
    """What that holds of a batch: `shared.resources.LISTED`."""

    pk: str
    state: BatchState
    label: str | None = None
    times: dict[BatchState, float]
    expires_at: int


def _times(times: Mapping[BatchState, float]) -> dict[BatchState, str]:
    return {state: timestamp(seconds) for state, seconds in times.items()}


def _links(batch_id: str) -> dict[str, str]:
    path = batch_path(batch_id)
    return {"self": path, "jobs": f"{path}/jobs", "start": f"{path}/start", "results": f"{path}/results"}


def _scale(scale: Scale) -> ScaleDocument:
    return ScaleDocument(
        engine=scale.engine,
        version=scale.version,
        mode=scale.mode,
        count=scale.count,
        mean=round(scale.mean, 4),
        median=round(scale.percentile(50), 4),
        p5=round(scale.percentile(5), 4),
        histogram={f"{lower:.2f}": count for lower, count in scale.histogram()},
    )
