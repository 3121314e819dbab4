"""Where things lie in the bucket. Every key is made and read here."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from shared.job import Role

JOBS_PREFIX = "jobs/"
RESULTS_PREFIX = "results/"
REFERENCES_PREFIX = "references/"

_UPLOAD = re.compile(r"^jobs/(?P<job_id>[0-9a-f]{32})/(?P<role>reference|degraded)\.wav$")
_REFERENCE = re.compile(r"^references/(?P<tenant>[^/]+)/(?P<sha256>[0-9a-f]{64})\.wav$")


@dataclass(frozen=True)
class Upload:
    """What an upload's key says of it."""

    job_id: str
    role: Role


class ReferenceName(NamedTuple):
    """What names a stored reference: whose it is, and its SHA-256 in lower-case hexadecimal."""

    tenant: str
    sha256: str


def upload_key(job_id: str, role: Role) -> str:
    """The key that a job's file is uploaded to."""
    return f"{JOBS_PREFIX}{job_id}/{role}.wav"


def result_key(job_id: str, attempt: int) -> str:
    """The key of the result document that one attempt wrote."""
    return f"{RESULTS_PREFIX}{job_id}/{attempt}.json"


def batch_results_key(batch_id: str, form: str) -> str:
    """The key of a batch's results in that form, `jsonl` or `csv`."""
    return f"{RESULTS_PREFIX}{batch_id}/results.{form}"


def reference_key(tenant: str, sha256: str) -> str:
    """The key of a stored reference. A tenant's id holds no slash."""
    return f"{REFERENCES_PREFIX}{tenant}/{sha256}.wav"


def parse_upload_key(key: str) -> Upload | None:
    """The job and role of an upload's key; None for any other key."""
    match = _UPLOAD.fullmatch(key)
    return Upload(match["job_id"], Role(match["role"])) if match else None


def parse_reference_key(key: str) -> ReferenceName | None:
    """Which stored reference a key is that of; None for any other key."""
    match = _REFERENCE.fullmatch(key)
    return ReferenceName(match["tenant"], match["sha256"]) if match else None
