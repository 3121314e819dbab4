"""What clients send and get about stored references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from api.documents import Answer, DeclaredFile, Label, Links, Timestamp, UploadPolicy, timestamp
from shared.job import Sha256
from shared.references import SelfScore

if TYPE_CHECKING:
    from shared.references import Reference


class NewReference(DeclaredFile):
    """The body of `POST /v1/references`."""

    sha256: Sha256  # of a reference it is the name
    label: str | None = Field(None, max_length=200)


class ReferenceUpload(Answer):
    """A reference that is not stored yet: upload it, and ask for it until it is there."""

    sha256: str
    label: Label
    upload: UploadPolicy
    links: Links


class ReferenceDocument(Answer):
    """A stored reference as its owner sees it. Times are RFC 3339, in UTC."""

    sha256: str
    bytes: int
    sample_rate_hz: int
    seconds: float
    label: Label
    created: Timestamp = Field(description="When it was stored and verified.")
    expires_at: Timestamp = Field(description="30 days from when it was stored, or from when a job last named it.")
    self_score: SelfScore | None = Field(description="What it scored against itself, where that was asked for.")
    links: Links


class ReferencePage(Answer):
    """One page of a list, by hash. `next_cursor` is null on the last one."""

    references: list[ReferenceDocument]
    next_cursor: str | None


def reference_path(sha256: str) -> str:
    """Where a reference is found."""
    return f"/v1/references/{sha256}"


def reference_document(reference: Reference) -> ReferenceDocument:
    """A stored reference."""
    return ReferenceDocument(
        sha256=reference.sha256,
        bytes=reference.bytes,
        sample_rate_hz=reference.sample_rate_hz,
        seconds=reference.seconds,
        label=reference.label,
        created=timestamp(reference.created),
        expires_at=timestamp(reference.expires_at),
        self_score=reference.self_score,
        links={"self": reference_path(reference.sha256)},
    )
