"""A request body that is a WAV file, as the gateway hands it over: in base64, for its types are binary there.

API Gateway Developer Guide, "Content type conversions"; Lambda Developer Guide, "Lambda quotas": an invocation's
payload has 6 MB, which base64 fills by a third more than the file has.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from api.problem_kinds import Kind
from api.problems import Problem
from shared.resources import AUDIO_TYPES

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

MOST_BYTES = 4 * 1024 * 1024
DESCRIPTION = {  # what OpenAPI says of it, for no model does
    "required": True,
    "description": f"The degraded file: a WAV file of up to {MOST_BYTES:,} bytes.",
    "content": {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in AUDIO_TYPES},
}


class Audio:
    """A file in memory, read as a stored one is: see `api.stored_file`."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.bytes = len(content)

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`."""
        return self.content[offset : offset + count]


def read(event: BaseProxyEvent) -> Audio:
    """The file in a request. Raises a Problem: 415 where it is of another type, 413 where it is too large."""
    media_type = event.headers.get("content-type", "").partition(";")[0].strip()
    if media_type not in AUDIO_TYPES:
        detail = f"This call takes a WAV file as its body: set Content-Type to {AUDIO_TYPES[0]}."
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, detail)
    body = event.body or ""
    if body and not event.is_base64_encoded:
        raise ValueError(f"the gateway does not take {media_type} for a binary type")
    content = base64.b64decode(body)
    if len(content) > MOST_BYTES:
        detail = (
            f"This call takes files of up to {MOST_BYTES:,} bytes; this one has {len(content):,}. Create a job by POST"
            " /v1/jobs instead, and upload the file by the policy that it answers."
        )
        raise Problem(Kind.PAYLOAD_TOO_LARGE, detail)
    return Audio(content)
