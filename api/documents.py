"""What clients send and get: the bodies of section "REST API", as models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.job import MAX_UPLOAD_BYTES, AudioFile, Integral, Job, JobError, Prepare, Role, Sha256, Start
from shared.result import Result
from shared.states import State

METADATA_ENTRIES = 16
NAME_CHARACTERS = 64  # of an engine or a mode
MetadataKey = Annotated[str, Field(min_length=1, max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class Request(BaseModel):
    """A part of a request: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)  # errors are logged, and answers hold signed links


class DeclaredFile(Request):
    """What the client says of a file before it is uploaded. What is said is held to."""

    sha256: Sha256 | None = None
    bytes: Annotated[int | None, Integral] = Field(None, gt=0, le=MAX_UPLOAD_BYTES, strict=True)


class PrepareBoth(Request):
    """What the host is to do to each file before it scores them."""

    reference: Prepare | None = None
    degraded: Prepare | None = None


class JobRequest(Request):
    """What is said of a job, alone or in a batch."""

    engine: str | None = Field(None, max_length=NAME_CHARACTERS, description="Omitted: the service's first engine.")
    mode: str | None = Field(
        None, max_length=NAME_CHARACTERS, description="The scale of the score. Omitted: the engine's default."
    )
    reference: DeclaredFile = DeclaredFile()
    degraded: DeclaredFile = DeclaredFile()
    label: str | None = Field(None, max_length=200)
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=METADATA_ENTRIES)
    prepare: PrepareBoth = PrepareBoth()


class NewJob(JobRequest):
    """The body of `POST /v1/jobs`."""

    start: Start = Start.AUTO


class UploadPolicy(_Answer):
    """A presigned S3 POST: send `fields`, then the part `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: str


class Uploads(_Answer):
    """A policy for each file that is not stored yet."""

    uploads: dict[Role, UploadPolicy]


class ResultDocument(Result, _Answer):
    """A result, with a link to the whole result document."""

    details: str


class JobDocument(_Answer):
    """A job as its owner sees it. Times are RFC 3339, in UTC."""

    id: str
    state: State
    engine: str
    mode: str
    start: Start
    reference: DeclaredFile
    degraded: DeclaredFile
    prepare: PrepareBoth
    label: str | None
    metadata: dict[str, str]
    replay_of: str | None = Field(description="The failed job whose audio this one scores, at no cost to its owner.")
    times: dict[State, str]
    attempts: int
    eta_seconds: float | None
    expires_at: str | None
    result: ResultDocument | None
    error: JobError | None
    links: dict[str, str]


class JobSummary(_Answer):
    """A job as lists show it."""

    id: str
    state: State
    engine: str
    mode: str
    label: str | None
    custom_id: str | None
    mos_lqo: float | None
    error: JobError | None
    times: dict[State, str]
    expires_at: str | None
    links: dict[str, str]


class JobPage(_Answer):
    """One page of a list. `next_cursor` is null on the last one."""

    jobs: list[JobSummary]
    next_cursor: str | None


class CreatedJob(JobDocument, Uploads):
    """The answer of `POST /v1/jobs`."""


def job_path(job_id: str) -> str:
    """Where a job is found."""
    return f"/v1/jobs/{job_id}"


def timestamp(seconds: float) -> str:
    """RFC 3339 with milliseconds, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_document(job: Job, eta_seconds: float | None = None, details: str | None = None) -> JobDocument:
    """A job's document. `details` is the presigned link of a job with a result."""
    return JobDocument(
        id=job.id,
        state=job.state,
        engine=job.engine,
        mode=job.mode,
        start=job.start,
        reference=_declared(job.reference),
        degraded=_declared(job.degraded),
        prepare=PrepareBoth(reference=job.reference.prepare, degraded=job.degraded.prepare),
        label=job.label,
        metadata=job.metadata,
        replay_of=job.replay_of,
        times={state: timestamp(seconds) for state, seconds in job.times.items()},
        attempts=job.attempt,
        eta_seconds=eta_seconds,
        expires_at=timestamp(job.expires_at) if job.expires_at else None,
        result=ResultDocument(**job.result.model_dump(), details=details) if job.result and details else None,
        error=job.error,
        links={name: job_path(job.id) + tail for name, tail in _LINKS.items()},
    )


def created_job(document: JobDocument, policies: Mapping[Role, UploadPolicy]) -> CreatedJob:
    """A created job's document with a policy for each file that it takes."""
    return CreatedJob(**dict(document), uploads=dict(policies))


_LINKS = {"self": "", "uploads": "/uploads", "start": "/start"}


def _declared(file: AudioFile) -> DeclaredFile:
    return DeclaredFile(sha256=file.sha256, bytes=file.bytes)


def job_summary(item: Mapping[str, JsonValue]) -> JobSummary:
    """A job from what an index holds of it."""
    job = _Listed.model_validate(item)
    return JobSummary(
        id=job.pk.removeprefix("JOB#"),
        state=job.state,
        engine=job.engine,
        mode=job.mode,
        label=job.label,
        custom_id=job.custom_id,
        mos_lqo=job.result.mos_lqo if job.result else None,
        error=job.error,
        times={state: timestamp(seconds) for state, seconds in job.times.items()},
        expires_at=timestamp(job.expires_at) if job.expires_at else None,
        links={"self": job_path(job.pk.removeprefix("JOB#"))},
    )


class _Listed(BaseModel):
    """What the indexes hold of a job: `shared.resources.LISTED`."""

    pk: str
    state: State
    engine: str
    mode: str
    label: str | None = None
    custom_id: str | None = None
    result: Result | None = None
    error: JobError | None = None
    times: dict[State, float]
    expires_at: int | None = None
