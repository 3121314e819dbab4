"""Errors as RFC 9457 `application/problem+json`: what is wrong, where in the request, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import JsonValue

from api.documents import job_path, timestamp
from api.json_text import text
from api.problem_kinds import Kind
from shared.limits import Quota

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from shared.audio_rules import BadAudio
    from shared.batches import Batch
    from shared.job import Job, Role
    from shared.quotas import QuotaExceeded

MEDIA_TYPE = "application/problem+json"
_KEY = "[key]"  # what Pydantic appends to the place of a map's member whose name, not its value, is wrong

_WORDS = {  # by the type of the error: Pydantic documentation, "Validation Errors"
    "extra_forbidden": "There is no such member here.",
    "missing": "This is missing.",
    "too_long": "This may have {max_length} at most.",
    "too_short": "This must have {min_length} at least.",
}

# What a client sent comes back in what refuses it, and an answer has 6 MB at most: Lambda Developer Guide, "Quotas".
MOST_ERRORS = 20
MOST_CHARACTERS = 200  # of a pointer
MOST_NAME = 64

FieldError = dict[str, str]  # {"pointer": RFC 6901 JSON pointer into the body, "detail": what is wrong with it}


class Problem(Exception):
    """An answer that is an error. `extensions` are members of its own (RFC 9457, 3.2)."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, JsonValue] | None = None,
    ) -> None:
        super().__init__(f"{kind.status.value} {kind.slug}: {detail}")
        self.kind = kind
        self.status = kind.status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})

    def document(self) -> dict[str, JsonValue]:
        """The problem document."""
        document: dict[str, JsonValue] = {
            "type": self.kind.type,
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [dict(error) for error in self.errors]
        document.update(self.extensions)
        return document


def quoted(name: str) -> str:
    """What a client called something, the beginning of it, as JSON writes it."""
    return text(name[:MOST_NAME])


def unknown_job(job_id: str) -> Problem:
    """404, the same for a job that never was, one that is gone and another tenant's."""
    return Problem(Kind.UNKNOWN_JOB, f"There is no job {quoted(job_id)}, or its life is over.")


def unknown_batch(batch_id: str) -> Problem:
    """404, likewise."""
    return Problem(Kind.UNKNOWN_BATCH, f"There is no batch {quoted(batch_id)}, or its life is over.")


def unknown_reference(sha256: str, because: str = "", rule: str | None = None) -> Problem:
    """404, the same for a reference that never was, one that is gone and another tenant's."""
    detail = f"There is no reference {quoted(sha256)}, or its life is over. POST /v1/references stores one."
    extensions: dict[str, JsonValue] = {"rule": rule} if rule else {}
    return Problem(Kind.UNKNOWN_REFERENCE, because or detail, extensions=extensions)


def reference_not_ready(sha256: str, *, uploaded: bool) -> Problem:
    """404 for a reference that was asked for within the last day, and is not verified yet."""
    if uploaded:
        state, detail = "verifying", "is being verified: ask again in a second. Upload it again if that takes minutes."
    else:
        state, detail = "awaiting_upload", "is not uploaded yet. POST /v1/references gives a fresh policy."
    return Problem(Kind.REFERENCE_NOT_READY, f"Reference {quoted(sha256)} {detail}", extensions={"state": state})


def bad_audio(job: Job) -> Problem:
    """422 for a job that failed for what its files are."""
    error = job.error
    if error is None:
        raise ValueError(f"job {job.id} has no error")
    extensions: dict[str, JsonValue] = {"job": job.id, "rule": error.code}
    if error.file:
        extensions["file"] = error.file
    return Problem(Kind.BAD_AUDIO, error.message, extensions=extensions)


def refused_audio(bad: BadAudio) -> Problem:
    """422 for audio that no job was made of."""
    extensions: dict[str, JsonValue] = {"rule": bad.code, "file": bad.role}
    return Problem(Kind.BAD_AUDIO, bad.message, extensions=extensions)


def wrong_state(job: Job, wanted: str) -> Problem:
    """409 for a call that a job in this state cannot follow."""
    return Problem(
        Kind.WRONG_STATE,
        f"Job {job.id} is {job.state}; {wanted}.",
        extensions={"job": job.id, "state": job.state},
    )


def batch_in_wrong_state(batch: Batch, wanted: str) -> Problem:
    """409 for a call that a batch in this state cannot follow."""
    detail = f"Batch {batch.id} is {batch.state}; {wanted}."
    return Problem(Kind.WRONG_STATE, detail, extensions={"batch": batch.id, "state": batch.state})


def batch_not_started(job: Job) -> Problem:
    """409 for a start of one job of a batch that is open: nothing of a batch starts before it does."""
    detail = f"Job {job.id} starts with its batch: POST /v1/batches/{job.batch}/start."
    return Problem(Kind.BATCH_NOT_STARTED, detail, extensions={"job": job.id, "batch": job.batch})


def missing_upload(job: Job, roles: Sequence[Role]) -> Problem:
    """409 for the start of a job whose files are not there yet."""
    detail = (
        f"Not uploaded yet: {', '.join(roles)}. Upload it, then start again; POST {job_path(job.id)}/uploads gives"
        " fresh policies."
    )
    extensions: dict[str, JsonValue] = {"job": job.id, "missing": [str(role) for role in roles]}
    return Problem(Kind.MISSING_UPLOAD, detail, extensions=extensions)


def quota_exceeded(exceeded: QuotaExceeded, now: float) -> Problem:
    """429 that names the quota, its limit, and when it begins anew, where that is known."""
    extensions: dict[str, JsonValue] = {"quota": exceeded.quota, "limit": exceeded.limit}
    headers = {}
    if exceeded.quota is Quota.BATCH_ITEMS:
        advice = "Start this batch, and put what is left into another."
    elif exceeded.resets_at is None:
        advice = "Wait until jobs have ended."
    else:
        headers["Retry-After"] = str(max(1, math.ceil(exceeded.resets_at - now)))
        extensions["resets_at"] = timestamp(exceeded.resets_at)
        advice = "It begins anew at midnight UTC."
    detail = f"The quota {exceeded.quota} of {exceeded.limit} is used up. {advice}"
    return Problem(Kind.QUOTA_EXCEEDED, detail, headers=headers, extensions=extensions)


def from_validation(details: Iterable[ErrorDetails]) -> Problem:
    """422 with a pointer for each field that breaks the schema, the first MOST_ERRORS of them."""
    errors = [{"pointer": _pointer(detail["loc"]), "detail": _words(detail)} for detail in islice(details, MOST_ERRORS)]
    return Problem(
        Kind.INVALID_REQUEST,
        "The request is not of the form that this call takes; see `errors`.",
        errors=errors,
    )


def _words(detail: ErrorDetails) -> str:
    """What is wrong, where Pydantic says it in words that are for programmers of Python, in other ones."""
    words = _WORDS.get(detail["type"])
    return words.format(**detail.get("ctx", {})) if words else detail["msg"]


def _pointer(location: Sequence[str | int]) -> str:
    """RFC 6901: the place in the body, or the name of a header or query parameter behind its kind."""
    where, *path = location[:-1] if location[-1] == _KEY else location
    parts = path if where == "body" else [where, *path]
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return pointer if len(pointer) <= MOST_CHARACTERS else pointer[: MOST_CHARACTERS - 1] + "…"
