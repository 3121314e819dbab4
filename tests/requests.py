"""Requests to the REST function as API Gateway hands them over, and its answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from api import app
from tests import contract

KEY_ID = "key-of-acme"


@dataclass(frozen=True)
class Answer:
    """A response: its status, headers and JSON body."""

    status: int
    headers: dict[str, str]
    body: dict[str, object] = field(default_factory=dict)
    sent: str = field(default="", repr=False)  # the whole of what the function returned, as Lambda's runtime sends it


def request(
    method: str,
    path: str,
    body: object = None,
    *,
    raw: str | None = None,
    audio: bytes | None = None,
    headers: dict[str, str] | None = None,
    key_id: str | None = KEY_ID,
    query: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request: `body` as JSON, `raw` as it is, or `audio`, which the gateway hands over in base64.

    The answer is held to the OpenAPI document.
    """
    if audio is not None:
        raw = base64.b64encode(audio).decode()
    sent = {"content-type": "application/json", **(headers or {})}
    event = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "request-1",
            "stage": "v1",
            "path": path,
            "httpMethod": method,
            "identity": {"apiKeyId": key_id, "sourceIp": "127.0.0.1"},
        },
        "body": raw if raw is not None else json.dumps(body) if body is not None else None,
        "isBase64Encoded": bool(audio),
    }
    response = app.handler(event, cast(LambdaContext, None))
    sent_back = cast(dict[str, list[str]], response["multiValueHeaders"])
    answer = Answer(
        status=cast(int, response["statusCode"]),
        headers={name: values[0] for name, values in sent_back.items()},
        body=json.loads(cast(str, response["body"]) or "{}"),
        sent=json.dumps(response, ensure_ascii=False),
    )
    contract.assert_keeps(method, path, answer.status, answer.headers, answer.body)
    return answer
