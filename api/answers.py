"""Answers that are no errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel | None)


def answer(status: HTTPStatus, document: M, headers: dict[str, str] | None = None) -> Response[M]:
    """A JSON document as a response."""
    return Response(status, content_type="application/json", body=document, headers=dict(headers or {}))
