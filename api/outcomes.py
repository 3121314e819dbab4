"""What a call answers, said beside its route: `api.openapi` spells it out.

Examples are named by their place in `api.examples`, and headers by theirs in `api.openapi`, so that a function that
starts builds none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from http import HTTPStatus

    from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse, OpenAPIResponseHeader
    from pydantic import BaseModel

    from api.problem_kinds import Kind

PROBLEMS = "x-problems"  # taken out again by `api.openapi`


@dataclass(frozen=True)
class Success:
    """An answer that is no error: its model, None where it has no body, and the names of its examples and headers.

    Headers that it does not always have are named with a question mark.
    """

    status: HTTPStatus
    meaning: str
    model: type[BaseModel] | None = None
    examples: Sequence[str] = ()
    headers: Sequence[str] = ()


def outcomes(*successes: Success) -> dict[int, OpenAPIResponse]:
    """The successes of a call, as its route takes them."""
    return {success.status.value: _response(success) for success in successes}


def problems(*kinds: Kind) -> dict[str, Any]:  # Any: Powertools takes extensions as that
    """The problems of a call that others do not have, as its route takes them."""
    return {PROBLEMS: [kind.name for kind in kinds]}


def _response(success: Success) -> OpenAPIResponse:
    response: OpenAPIResponse = {"description": success.meaning, "content": {}}
    if success.headers:
        response["headers"] = dict(_header(name) for name in success.headers)
    if success.model:
        examples = {name: _reference("examples", name) for name in success.examples}
        response["content"] = {"application/json": {"model": success.model, "examples": examples}}
    return response


def _header(name: str) -> tuple[str, OpenAPIResponseHeader]:
    always = name.removesuffix("?")
    return always, _reference("headers", name if always == name else f"Optional-{always}")


def _reference(kind: str, name: str) -> OpenAPIResponseHeader:
    reference: Any = {"$ref": f"#/components/{kind}/{name}"}  # which Powertools' types do not know here
    return cast("OpenAPIResponseHeader", reference)
