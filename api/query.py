"""Query parameters: one that its call does not have is refused, not passed over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from api import problems

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import Route
    from pydantic_core import ErrorDetails


def refuse_unknown(route: Route, sent: Iterable[str]) -> None:
    """Raises a 422 Problem: a filter that is misspelt would let through what it was to hold back."""
    known = {parameter.alias for parameter in route.dependant.query_params}
    unknown = sorted(set(sent) - known)
    if unknown:
        detail = "This call has no such parameter."
        errors = [{"type": "extra", "loc": ("query", name), "msg": detail, "input": None} for name in unknown]
        raise problems.from_validation(cast("list[ErrorDetails]", errors))
