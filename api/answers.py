"""Answers that are no errors."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic import JsonValue

M = TypeVar("M", bound=BaseModel | None)


def answer(status: HTTPStatus, document: M, headers: dict[str, str] | None = None) -> Response[M]:
    """A JSON document as a response."""
    return Response(status, content_type="application/json", body=document, headers=dict(headers or {}))


def text(document: JsonValue) -> str:
    """JSON as it is sent: in UTF-8, as compact as may be.

    Written as escapes, text beyond ASCII takes up to three times as much, and an answer has 6 MB at most: Lambda
    Developer Guide, "Quotas".
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
