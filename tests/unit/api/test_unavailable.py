"""What of AWS passes is 503 and worth another try; what does not is 500, and its log says where it broke."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from api.service import Service
from tests.requests import Answer, request
from tests.unit.api.steps import create

URL = "https://dynamodb.test"
PASSING_CODES = [
    ("ProvisionedThroughputExceededException", 400),
    ("RequestLimitExceeded", 400),
    ("ThrottlingException", 400),
    ("TransactionInProgressException", 400),
    ("RequestThrottled", 403),
    ("SlowDown", 503),
    ("RequestTimeout", 400),
    ("InternalFailure", 500),
    ("InternalServerError", 500),
    ("502", 502),  # a HEAD has no body to hold a code
]
LASTING_CODES = [
    ("AccessDeniedException", 400),
    ("ResourceNotFoundException", 400),
    ("ValidationException", 400),
    ("UnrecognizedClientException", 400),
    ("403", 403),
]
PASSING_ERRORS: list[BotoCoreError] = [
    EndpointConnectionError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
]
LASTING_ERRORS: list[BotoCoreError] = [NoCredentialsError(), ParamValidationError(report="no such parameter")]


@contextmanager
def answering(
    parts: Service, answer: tuple[str, int] | BotoCoreError, reasons: list[str] | None = None
) -> Iterator[None]:
    """The table answers every call with that code and status, or is not reached at all."""

    class Response:
        status_code = 0 if isinstance(answer, BotoCoreError) else answer[1]

    def refuse(**_: object) -> tuple[Response, dict[str, object]]:
        if isinstance(answer, BotoCoreError):
            raise answer
        code, status = answer
        told = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return Response(), {**told, "CancellationReasons": [{"Code": reason} for reason in reasons or ()]}

    parts.dynamodb.meta.events.register("before-call.dynamodb", refuse)  # type: ignore[arg-type]  # its answer counts
    try:
        yield
    finally:
        parts.dynamodb.meta.events.unregister("before-call.dynamodb", refuse)  # type: ignore[arg-type]


def assert_is_unavailable(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "urn:mosaic:problem:unavailable"
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("answer", [*PASSING_CODES, *PASSING_ERRORS], ids=str)
def test_what_passes_is_503_with_a_time_to_try_again(
    answer: tuple[str, int] | BotoCoreError, parts: Service, logged: io.StringIO
) -> None:
    with answering(parts, answer):
        assert_is_unavailable(request("GET", "/v1/jobs/" + "0" * 32))
    [line] = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert (line["event"], line["level"]) == ("busy", "warning")


@pytest.mark.parametrize("answer", [*LASTING_CODES, *LASTING_ERRORS], ids=str)
def test_what_does_not_pass_is_500_and_is_logged_with_its_trace(
    answer: tuple[str, int] | BotoCoreError, parts: Service, logged: io.StringIO
) -> None:
    with answering(parts, answer):
        found = request("GET", "/v1/jobs/" + "0" * 32)
    assert (found.status, found.body["type"]) == (500, "urn:mosaic:problem:internal")
    [line] = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert line["exception"][0]["frames"]


@pytest.mark.parametrize(
    ("reason", "status"), [("ThrottlingError", 503), ("TransactionConflict", 503), ("ValidationError", 500)]
)
def test_a_cancelled_transaction_passes_where_its_reason_does(
    reason: str, status: int, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.transactions.PATIENCE_SECONDS", 0)
    create()  # the tenant is known from here on
    with answering(parts, ("TransactionCanceledException", 400), ["None", reason]):
        assert request("POST", "/v1/jobs", {}).status == status
