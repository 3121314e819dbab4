"""Where things lie in the bucket. Every key is made and read here."""

import re
from dataclasses import dataclass

from shared.job import Role

JOBS_PREFIX = "jobs/"
RESULTS_PREFIX = "results/"
REFERENCES_PREFIX = "references/"

_UPLOAD = re.compile(r"^jobs/(?P<job_id>[0-9a-f]{32})/(?P<role>reference|degraded)\.wav$")


@dataclass(frozen=True)
class Upload:
    """What an upload's key says of it."""

    job_id: str
    role: Role


def upload_key(job_id: str, role: Role) -> str:
    """The key that a job's file is uploaded to."""
    return f"{JOBS_PREFIX}{job_id}/{role}.wav"


def result_key(job_id: str, attempt: int) -> str:
    """The key of the result document that one attempt wrote."""
    return f"{RESULTS_PREFIX}{job_id}/{attempt}.json"


def batch_results_key(batch_id: str, form: str) -> str:
    """The key of a batch's results in that form, `jsonl` or `csv`."""
    return f"{RESULTS_PREFIX}{batch_id}/results.{form}"


def parse_upload_key(key: str) -> Upload | None:
    """The job and role of an upload's key; None for any other key."""
    match = _UPLOAD.fullmatch(key)
    return Upload(match["job_id"], Role(match["role"])) if match else None
