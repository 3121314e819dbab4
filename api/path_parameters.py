"""Ids in paths. One of another form is not refused as such: it is unknown, as any that never was."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from shared.job import ID_PATTERN, SHA256_PATTERN

JobPath = Annotated[str, Path(description="The job's `id`.", json_schema_extra={"pattern": ID_PATTERN})]
BatchPath = Annotated[str, Path(description="The batch's `id`.", json_schema_extra={"pattern": ID_PATTERN})]
ReferencePath = Annotated[
    str,
    Path(description="Lower-case hexadecimal SHA-256 of the reference.", json_schema_extra={"pattern": SHA256_PATTERN}),
]
