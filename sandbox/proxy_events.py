"""HTTP requests as Lambda events and back, as API Gateway's REST proxy integration does it (payload version 1.0).

Forms: API Gateway Developer Guide, "Lambda proxy integrations", input format and output format. The API is modelled as
mapped to the root of a domain of its own, with one greedy resource `/{proxy+}`.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from multidict import CIMultiDict
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from shared.resources import AUDIO_TYPES

if TYPE_CHECKING:
    from multidict import MultiMapping

    from sandbox.function import Event

STAGE = "sandbox"
RESOURCE = "/{proxy+}"

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)  # RFC 9110, 7.6.1


class ProxyResponse(BaseModel):
    """What a function must answer; the gateway takes anything else for a malformed response."""

    model_config = ConfigDict(extra="forbid")

    status: int = Field(alias="statusCode", ge=200, le=599)
    headers: dict[str, str | int | float | bool] | None = None
    multi_value_headers: dict[str, list[str]] | None = Field(None, alias="multiValueHeaders")
    body: str | None = None
    base64: bool = Field(False, alias="isBase64Encoded")


def to_event(request: web.Request, body: bytes, api_key_id: str) -> Event:
    """The event for a request whose key the gateway knows."""
    path = request.rel_url.raw_path
    headers, query = _headers(request), request.rel_url.query
    binary = request.content_type in AUDIO_TYPES  # these reach the function in base64, all others as text
    return {
        "resource": RESOURCE,
        "path": path,
        "httpMethod": request.method,
        "headers": _last(headers),
        "multiValueHeaders": _all(headers),
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": _all(query) or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": _context(request, api_key_id),
        "body": _text(body, binary=binary),
        "isBase64Encoded": binary and bool(body),
    }


def to_response(answer: JsonValue) -> web.Response:
    """The HTTP response for a function's answer. Raises ValueError where it is malformed."""
    response = ProxyResponse.model_validate(answer)
    body = response.body or ""
    return web.Response(
        status=response.status,
        headers=_response_headers(response),
        body=base64.b64decode(body, validate=True) if response.base64 else body.encode(),
    )


def _headers(request: web.Request) -> CIMultiDict[str]:
    headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP)
    headers["X-Forwarded-For"] = request.remote or ""
    headers["X-Forwarded-Proto"] = request.scheme
    headers["X-Forwarded-Port"] = str(request.url.port)
    return headers


def _last(values: MultiMapping[str]) -> dict[str, JsonValue]:
    return dict(values.items())


def _all(values: MultiMapping[str]) -> dict[str, JsonValue]:
    return {name: list(values.getall(name)) for name in dict.fromkeys(values.keys())}


def _text(body: bytes, *, binary: bool) -> str | None:
    if not body:
        return None
    return base64.b64encode(body).decode() if binary else body.decode(errors="replace")


def _context(request: web.Request, api_key_id: str) -> dict[str, JsonValue]:
    path = request.rel_url.raw_path
    now = time.time()
    return {
        "accountId": "000000000000",
        "apiId": "sandbox",
        "domainName": request.host,
        "domainPrefix": "sandbox",
        "extendedRequestId": secrets.token_urlsafe(11),
        "httpMethod": request.method,
        "identity": {
            "apiKey": request.headers.get("x-api-key"),
            "apiKeyId": api_key_id,
            "sourceIp": request.remote,
            "userAgent": request.headers.get(hdrs.USER_AGENT),
        },
        "path": path,
        "protocol": f"HTTP/{request.version.major}.{request.version.minor}",
        "requestId": secrets.token_hex(16),
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": "sandbox",
        "resourcePath": RESOURCE,
        "stage": STAGE,
    }


def _response_headers(response: ProxyResponse) -> CIMultiDict[str]:
    """A name that stands in both is taken from the multi-value ones. The default type is API Gateway's."""
    many = response.multi_value_headers or {}
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in (response.headers or {}).items():
        if name not in many:
            headers.add(name, _header_text(value))
    for name, values in many.items():
        headers.extend((name, value) for value in values)
    headers.setdefault(hdrs.CONTENT_TYPE, "application/json")
    return _without_framing(headers)


def _header_text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _without_framing(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP and name.lower() != "content-length"
    )
