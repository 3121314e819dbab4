"""The queue message: which job is due, and the trace it belongs to. The table is the truth about everything else."""

import secrets
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.job import JobId

VERSION: Literal[1] = 1


class MalformedEnvelope(Exception):
    """A message body that no version of this service ever sent."""


class NewerEnvelope(Exception):
    """A message of a version that this release does not know yet: for a newer worker, never dead."""


class Envelope(BaseModel):
    """One queue message. `trace` is a W3C Trace Context `traceparent`."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = VERSION
    job: JobId
    trace: str = Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$")


class _Versioned(BaseModel):
    version: int = Field(ge=1, strict=True)


def pack(job_id: str) -> str:
    """The message body for a job. Its trace id is the job's id, so that logs meet without a look-up."""
    return Envelope(job=job_id, trace=f"00-{job_id}-{secrets.token_hex(8)}-01").model_dump_json()


def unpack(body: str) -> Envelope:
    """Read a message body. Raises NewerEnvelope or MalformedEnvelope."""
    try:
        if _Versioned.model_validate_json(body).version > VERSION:
            raise NewerEnvelope
        return Envelope.model_validate_json(body)
    except ValidationError as error:
        raise MalformedEnvelope(f"{error.error_count()} errors in a body of {len(body)} characters") from None
