"""What several calls take beside a body.

An id in a path that is of another form is not refused as such: it is unknown, as any that never was.
"""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header, Path
from pydantic import Field

from shared.job import ID_PATTERN, SHA256_PATTERN

JobPath = Annotated[str, Path(description="The job's `id`.", json_schema_extra={"pattern": ID_PATTERN})]
BatchPath = Annotated[str, Path(description="The batch's `id`.", json_schema_extra={"pattern": ID_PATTERN})]
ReferencePath = Annotated[
    str,
    Path(description="Lower-case hexadecimal SHA-256 of the reference.", json_schema_extra={"pattern": SHA256_PATTERN}),
]
IdempotencyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Of your making: the same key with the same body is the same thing, for as long as that is there.",
    ),
    Field(min_length=1, max_length=255),
]
