"""The result document: everything that is known of a score, as the JSON object that S3 keeps.

Its schema is published as `docs/result.schema.json`; `python -m worker.result_document` prints it.
"""

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from shared.job import Job
from shared.result import Result

VERSION: Literal[1] = 1


class ResultDocument(Result):
    """Version 1. `details` is what the engine knows beyond the score: similarity by patch, delay, levels."""

    version: Literal[1] = VERSION
    job: str = Field(description="The job's id.")
    attempt: int = Field(ge=1, description="Which of the job's attempts gave this result.")
    host: str | None = Field(description="The licensed host that gave it.")
    details: dict[str, JsonValue]


def result_document(job: Job, result: Result, details: Mapping[str, JsonValue]) -> bytes:
    """The document of one attempt. Raises ValueError where a number is none that JSON has: NaN never appears."""
    document = ResultDocument(
        **result.model_dump(), job=job.id, attempt=job.attempt, host=job.host, details=dict(details)
    )
    return json.dumps(document.model_dump(mode="json"), allow_nan=False, separators=(",", ":")).encode()


def schema() -> str:
    """The JSON Schema (2020-12) of the document."""
    return json.dumps(ResultDocument.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
