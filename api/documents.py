"""What clients send and get: the bodies of section "REST API", as models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.job import MAX_UPLOAD_BYTES, AudioFile, Integral, Job, JobError, Prepare, Role, Sha256, Start
from shared.limits import Quota
from shared.result import Result
from shared.states import State

METADATA_ENTRIES = 16
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]  # RFC 3339, in UTC
Links = Annotated[dict[str, str], Field(description="Paths of what can be asked for or done next, by name.")]
Metadata = Annotated[dict[str, str], Field(description="As it was given.")]
Label = Annotated[str | None, Field(description="As it was given.")]
NAME_CHARACTERS = 64  # of an engine or a mode
MetadataKey = Annotated[str, Field(min_length=1, max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class Request(BaseModel):
    """A part of a request: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """A part of an answer. Errors are logged, and answers hold signed links: they show none of it."""

    model_config = ConfigDict(hide_input_in_errors=True, defer_build=True)  # a start waits for none that it needs not


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


class UploadPolicy(Answer):
    """A presigned S3 POST: send `fields`, then the part `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: Timestamp = Field(description="15 minutes from now. Ask for a fresh one after that.")


class Uploads(Answer):
    """A policy for each file that is not stored yet."""

    uploads: dict[Role, UploadPolicy]


class ResultDocument(Result, Answer):
    """A result, with a link to the whole result document."""

    details: str


class WaitsForDocument(Answer):
    """The quota that a job waits for, whose files are all there."""

    quota: Quota
    resets_at: Timestamp = Field(description="When the quota begins anew, and the job is tried again.")


class JobDocument(Answer):
    """A job as its owner sees it. Times are RFC 3339, in UTC."""

    id: str
    state: State
    engine: str
    mode: str
    start: Start
    reference: DeclaredFile
    degraded: DeclaredFile
    prepare: PrepareBoth
    label: Label
    metadata: Metadata
    batch: str | None = Field(description="The batch that it belongs to.")
    custom_id: str | None = Field(description="What its owner calls it in its batch.")
    replay_of: str | None = Field(
        description="The failed job whose audio this one scores. The operator asked for that, at no cost to its owner."
    )
    times: dict[State, Timestamp] = Field(description="When each state was last entered, of those that it was in.")
    upload_deadline: Timestamp = Field(
        description="A job that is not started by then is `expired`: 24 hours from its creation; up to 48 where it has"
        " its files and waits for a quota."
    )
    waits_for: WaitsForDocument | None = Field(
        description="Why it is not started though its files are there: a quota is used up. It starts by itself later."
    )
    attempts: int = Field(description="How many times a host took it up. More than one: a host was lost, or failed.")
    eta_seconds: float | None = Field(
        description="Seconds until it has ended, as busy as its lane is now. null: it has ended, is not started, or no"
        " host works at present."
    )
    expires_at: Timestamp | None = Field(
        description="When the job and its result go: by default 7 days after it ended. null: it has not ended, or goes"
        " with its batch, which says when."
    )
    result: ResultDocument | None = Field(description="Of a job that `succeeded`, else null.")
    error: JobError | None = Field(description="Of a job that ended otherwise, else null.")
    links: Links


class JobSummary(Answer):
    """A job as lists show it."""

    id: str
    state: State
    engine: str
    mode: str
    label: Label
    custom_id: str | None = Field(description="What its owner calls it in its batch.")
    mos_lqo: float | None = Field(description="Its score. null: it has none, or the degraded file holds no signal.")
    error: JobError | None = Field(description="Of a job that ended without a result.")
    times: dict[State, Timestamp] = Field(description="When each state was last entered, of those that it was in.")
    expires_at: Timestamp | None = Field(
        description="When it goes. null: it has not ended, or goes with its batch, which says when."
    )
    links: Links


class JobPage(Answer):
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
        batch=job.batch,
        custom_id=job.custom_id,
        replay_of=job.replay_of,
        times={state: timestamp(seconds) for state, seconds in job.times.items()},
        upload_deadline=timestamp(job.upload_deadline),
        waits_for=_waits_for(job),
        attempts=job.attempt,
        eta_seconds=eta_seconds,
        expires_at=_expires_at(job.expires_at, in_batch=job.batch is not None),
        result=ResultDocument(**job.result.model_dump(), details=details) if job.result and details else None,
        error=job.error,
        links={name: job_path(job.id) + tail for name, tail in _LINKS.items()},
    )


def created_job(document: JobDocument, policies: Mapping[Role, UploadPolicy]) -> CreatedJob:
    """A created job's document with a policy for each file that it takes."""
    return CreatedJob(**dict(document), uploads=dict(policies))


_LINKS = {"self": "", "uploads": "/uploads", "start": "/start"}


def _waits_for(job: Job) -> WaitsForDocument | None:
    waits = job.waits_for
    return WaitsForDocument(quota=waits.quota, resets_at=timestamp(waits.resets_at)) if waits else None


def _expires_at(seconds: int | None, *, in_batch: bool) -> str | None:
    """A batch's job has a life of its own only as a net, until its batch has ended: that is told to nobody."""
    return None if seconds is None or in_batch else timestamp(seconds)


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
        expires_at=_expires_at(job.expires_at, in_batch=job.custom_id is not None),
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
