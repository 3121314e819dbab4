"""What the service says, as types: the job, its result, and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mosaic.documents import Document


class State(StrEnum):
    """Where a job stands. The last four are ends: nothing leads out of them."""

    AWAITING_UPLOAD = "awaiting_upload"  # at least one of its files is not there yet
    QUEUED = "queued"  # both files are there
    RUNNING = "running"  # a host works on it
    SUCCEEDED = "succeeded"  # has a result
    FAILED = "failed"  # has an error
    CANCELLED = "cancelled"  # its owner ended it
    EXPIRED = "expired"  # the uploads never came

    @property
    def ended(self) -> bool:
        """Whether this is an end."""
        return self in _ENDS


_ENDS = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED})


class Role(StrEnum):
    """Which of a job's two files."""

    REFERENCE = "reference"  # clean speech
    DEGRADED = "degraded"  # the speech under test


@dataclass(frozen=True)
class Advice:
    """Advice about a score that was given all the same."""

    code: str
    message: str

    @classmethod
    def from_document(cls, document: Document) -> Advice:
        """Read from the document; raises UnexpectedAnswer where it is none."""
        return cls(document.text("code"), document.text("message"))


@dataclass(frozen=True)
class Engine:
    """Which engine gave the score, and how it was set."""

    name: str
    version: str
    settings: Mapping[str, object]

    @classmethod
    def from_document(cls, document: Document) -> Engine:
        """Read from the document; raises UnexpectedAnswer where it is none."""
        return cls(document.text("name"), document.text("version"), document.child("settings").members)


@dataclass(frozen=True)
class Result:
    """A score, and what one needs to trust it.

    `mos_lqo` is None where the degraded file holds no signal. `timings_ms` are milliseconds by stage, `audio` is
    what was measured of each file. `details` is a signed link to the whole result document, kept out of `repr`.
    """

    mos_lqo: float | None
    mode: str
    engine: Engine
    warnings: tuple[Advice, ...] = ()
    prepared: tuple[Mapping[str, object], ...] = ()
    audio: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    details: str | None = field(default=None, repr=False)

    @classmethod
    def from_document(cls, document: Document) -> Result:
        """Read from the document; raises UnexpectedAnswer where it is none."""
        audio, timings = document.child("audio"), document.child("timings_ms")
        return cls(
            mos_lqo=document.optional_number("mos_lqo"),
            mode=document.text("mode"),
            engine=Engine.from_document(document.child("engine")),
            warnings=tuple(Advice.from_document(entry) for entry in document.children("warnings")),
            prepared=tuple(entry.members for entry in document.children("prepared")),
            audio={name: audio.child(name).members for name in audio.members},
            timings_ms={name: timings.optional_number(name) or 0.0 for name in timings.members},
            details=document.optional_text("details"),
        )


@dataclass(frozen=True)
class JobFailure:
    """Why a job ended without a result. `category` says whose turn it is, `code` is the rule for machines."""

    category: str
    code: str
    message: str
    file: str | None = None

    @classmethod
    def from_document(cls, document: Document) -> JobFailure:
        """Read from the document; raises UnexpectedAnswer where it is none."""
        return cls(
            category=document.text("category"),
            code=document.text("code"),
            message=document.text("message"),
            file=document.optional_text("file"),
        )


@dataclass(frozen=True)
class AudioFile:
    """What the service knows of one of a job's files: lower-case hexadecimal SHA-256, and size in bytes."""

    sha256: str | None = None
    bytes: int | None = None

    @classmethod
    def from_document(cls, document: Document) -> AudioFile:
        """Read from the document; raises UnexpectedAnswer where it is none."""
        return cls(document.optional_text("sha256"), document.optional_integer("bytes"))


@dataclass(frozen=True)
class UploadPolicy:
    """The right to upload one file by one S3 POST, until `expires_at`. What is secret is kept out of `repr`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    """

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    expires_at: datetime | None = None

    @classmethod
    def from_document(cls, document: Document) -> UploadPolicy:
        """Read from the document; raises UnexpectedAnswer where it is none."""
        fields = document.child("fields")
        return cls(
            url=document.text("url"),
            fields={name: fields.text(name) for name in fields.members},
            expires_at=document.optional_moment("expires_at"),
        )


def upload_policies(document: Document) -> dict[Role, UploadPolicy]:
    """The policies under `uploads`, by role; empty where every file is stored already."""
    uploads = document.child("uploads")
    children = {role: uploads.optional_child(role) for role in Role}
    return {role: UploadPolicy.from_document(child) for role, child in children.items() if child}


@dataclass(frozen=True)
class Job:
    """A degraded recording to be scored against its reference, as the service last described it.

    `times` holds when each state was last entered, `eta_seconds` how long it may still take. `uploads` is there on
    a job just created, for each file that is not stored yet. `document` is the JSON object as it came, without the
    upload policies; it and they are kept out of `repr`, for they hold signed links.
    """

    id: str
    state: State
    engine: str
    mode: str
    start: str = "auto"
    reference: AudioFile = AudioFile()
    degraded: AudioFile = AudioFile()
    label: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    times: Mapping[str, datetime] = field(default_factory=dict)
    attempts: int = 0
    eta_seconds: float | None = None
    expires_at: datetime | None = None
    result: Result | None = None
    error: JobFailure | None = None
    uploads: Mapping[Role, UploadPolicy] = field(default_factory=dict, repr=False)
    document: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the job reached one of its four ends."""
        return self.state.ended

    @classmethod
    def from_document(cls, value: object) -> Job:
        """Read from a parsed JSON document; raises UnexpectedAnswer where it is no job."""
        document = Document(value)
        state = _state(document)
        result, error = document.optional_child("result"), document.optional_child("error")
        if state is State.SUCCEEDED and result is None:
            raise document.unexpected("result", f"an object, though the job {state}")
        if state.ended and state is not State.SUCCEEDED and error is None:
            raise document.unexpected("error", f"an object, though the job is {state}")
        times = document.child("times")
        moments = {name: times.optional_moment(name) for name in times.members}
        return cls(
            id=document.text("id"),
            state=state,
            engine=document.text("engine"),
            mode=document.text("mode"),
            start=document.optional_text("start") or "auto",
            reference=AudioFile.from_document(document.child("reference")),
            degraded=AudioFile.from_document(document.child("degraded")),
            label=document.optional_text("label"),
            metadata=document.child("metadata").members,
            times={name: moment for name, moment in moments.items() if moment},
            attempts=document.optional_integer("attempts") or 0,
            eta_seconds=document.optional_number("eta_seconds"),
            expires_at=document.optional_moment("expires_at"),
            result=Result.from_document(result) if result else None,
            error=JobFailure.from_document(error) if error else None,
            uploads=upload_policies(document),
            document={name: member for name, member in document.members.items() if name != "uploads"},
        )


def _state(document: Document) -> State:
    try:
        return State(document.text("state"))
    except ValueError:
        raise document.unexpected("state", "a state that this client knows") from None
