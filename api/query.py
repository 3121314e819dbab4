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
    if errors := unknown(route, sent):
        raise problems.from_validation(errors)


def unknown(route: Route, sent: Iterable[str]) -> list[ErrorDetails]:
    """An error for each parameter that the call does not have."""
    known = {parameter.alias for parameter in route.dependant.query_params}
    detail = "This call has no such parameter."
    errors = [{"type": "extra", "loc": ("query", name), "msg": detail, "input": None} for name in set(sent) - known]
    return cast("list[ErrorDetails]", sorted(errors, key=lambda error: str(error["loc"])))
