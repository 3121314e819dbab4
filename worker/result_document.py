"""The result document: everything that is known of a score, as the JSON object that S3 keeps."""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from shared.job import Job
from shared.result import Result

VERSION = 1


def result_document(job: Job, result: Result, details: Mapping[str, JsonValue]) -> bytes:
    """The document of one attempt. `details` is what the engine knows beyond the score; NaN never appears."""
    document = {
        "version": VERSION,
        "job": job.id,
        "attempt": job.attempt,
        "host": job.host,
        **result.model_dump(mode="json"),
        "details": dict(details),
    }
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
