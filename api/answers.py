"""Answers that are no errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel | None)


def answer(status: HTTPStatus, document: M, headers: dict[str, str] | None = None) -> Response[M]:
    """A JSON document as a response; None is no content, which has no type (RFC 9110, 8.3).

    API Gateway gives whatever has none the type `application/json` all the same.
    """
    content_type = None if document is None else "application/json"
    return Response(status, content_type=content_type, body=document, headers=dict(headers or {}))
