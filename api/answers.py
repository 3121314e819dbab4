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
    """A JSON document as a response; None is no content, which has no type (RFC 9110, 8.3).

    API Gateway gives whatever has none the type `application/json` all the same.
    """
    content_type = None if document is None else "application/json"
    return Response(status, content_type=content_type, body=document, headers=dict(headers or {}))


def text(document: JsonValue) -> str:
    """JSON as it is sent: in UTF-8, as compact as may be.

    Written as escapes, text beyond ASCII takes up to three times as much, and an answer has 6 MB at most: Lambda
    Developer Guide, "Quotas".
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
