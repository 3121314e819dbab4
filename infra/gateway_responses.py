"""What API Gateway refuses by itself, said as the function would say it: an RFC 9457 problem document each.

Types: API Gateway Developer Guide, "Gateway response types".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_cdk.aws_apigateway import ResponseType

if TYPE_CHECKING:
    from aws_cdk.aws_apigateway import RestApi

PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Refusal:
    """One problem: its name, what to do, and a status where the answer is always of that one."""

    status: HTTPStatus | None
    name: str
    detail: str
    retry_after: int | None = None  # seconds


_NO_KEY = Refusal(HTTPStatus.FORBIDDEN, "forbidden", "Send a valid API key in the header x-api-key.")
_NOWHERE = Refusal(HTTPStatus.NOT_FOUND, "unknown_route", "There is nothing here: paths begin with /v1.")
_SET_UP_WRONGLY = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The gateway is set up wrongly. Tell the operator the request id."
)
_AGAIN = "Try again: a call that is repeated does no harm."

REFUSALS = {
    "ACCESS_DENIED": _NO_KEY,
    "API_CONFIGURATION_ERROR": _SET_UP_WRONGLY,
    "AUTHORIZER_CONFIGURATION_ERROR": _SET_UP_WRONGLY,
    "AUTHORIZER_FAILURE": _SET_UP_WRONGLY,
    "BAD_REQUEST_BODY": Refusal(HTTPStatus.BAD_REQUEST, "bad_request", "The gateway cannot read this body."),
    "BAD_REQUEST_PARAMETERS": Refusal(HTTPStatus.BAD_REQUEST, "bad_request", "The gateway cannot read the parameters."),
    "DEFAULT_4XX": Refusal(None, "refused", "The gateway refused this request."),
    "DEFAULT_5XX": Refusal(None, "bad_gateway", f"The service failed to answer. {_AGAIN}"),
    "EXPIRED_TOKEN": _NO_KEY,
    "INTEGRATION_FAILURE": Refusal(
        HTTPStatus.BAD_GATEWAY,
        "bad_gateway",
        f"The service failed to answer. Its log says why. {_AGAIN}",
        retry_after=2,
    ),
    "INTEGRATION_TIMEOUT": Refusal(
        HTTPStatus.GATEWAY_TIMEOUT, "gateway_timeout", f"The service took too long. {_AGAIN}", retry_after=2
    ),
    "INVALID_API_KEY": _NO_KEY,
    "INVALID_SIGNATURE": _NO_KEY,
    "MISSING_AUTHENTICATION_TOKEN": _NOWHERE,  # which is what the gateway calls a path that it does not know
    "QUOTA_EXCEEDED": Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "plan_exhausted",
        "The usage plan of this key allows no more calls this month. Ask the operator for another plan.",
    ),
    "REQUEST_TOO_LARGE": Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "payload_too_large",
        "This body is larger than the gateway takes. Upload audio by the policies of POST /v1/jobs.",
    ),
    "RESOURCE_NOT_FOUND": _NOWHERE,
    "THROTTLED": Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_requests",
        "Too many calls at once. Wait, then try again.",
        retry_after=2,
    ),
    "UNAUTHORIZED": Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", "Send a valid API key in the header x-api-key."),
    "UNSUPPORTED_MEDIA_TYPE": Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "Set Content-Type to application/json, or to audio/wav where audio is sent.",
    ),
    "WAF_FILTERED": Refusal(
        HTTPStatus.FORBIDDEN, "filtered", "The firewall refused this request: too many from one address, or its form."
    ),
}


def refuse_by_problems(api: RestApi) -> None:
    """Have the gateway say each of its refusals so. A change of one is deployed to the stage, too."""
    for type_, refusal in REFUSALS.items():
        api.add_gateway_response(
            type_,
            type=ResponseType.of(type_),
            status_code=str(refusal.status.value) if refusal.status else None,
            response_headers=_headers(refusal),
            templates={"application/json": json.dumps(_document(refusal))},
        )


def _document(refusal: Refusal) -> dict[str, str | int]:
    document: dict[str, str | int] = {"type": f"urn:mosaic:problem:{refusal.name}"}
    if refusal.status:
        document |= {"title": refusal.status.phrase, "status": refusal.status.value}
    return document | {"detail": refusal.detail, "request_id": "$context.requestId"}


def _headers(refusal: Refusal) -> dict[str, str]:
    headers = {"Content-Type": PROBLEM, "Cache-Control": "no-store"}
    if refusal.retry_after:
        headers["Retry-After"] = str(refusal.retry_after)
    return {name: f"'{value}'" for name, value in headers.items()}
