"""No key, signed link or policy is ever logged, and no stack trace leaves, also when something breaks."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest
from aws_lambda_powertools.event_handler import Response
from botocore.exceptions import BotoCoreError, EndpointConnectionError, NoCredentialsError

from api import intake, job_routes
from api.documents import JobDocument, job_document
from api.service import Service
from shared.job import Job, Role
from shared.object_keys import upload_key
from shared.states import State
from tests.deliveries import event_of
from tests.requests import Answer, request
from tests.unit.api.steps import BUCKET, all_messages, bring, create, get, upload

KEY = "the-value-of-the-api-key"
SENT = {"x-api-key": KEY, "Idempotency-Key": "the-idempotency-key"}
REQUESTS: dict[str, Callable[[str], Answer]] = {
    "create": lambda _: request("POST", "/v1/jobs", {}, headers=SENT),
    "uploads": lambda job_id: request("POST", f"/v1/jobs/{job_id}/uploads", headers=SENT),
    "start": lambda job_id: request("POST", f"/v1/jobs/{job_id}/start", headers=SENT),
    "get": lambda job_id: request("GET", f"/v1/jobs/{job_id}", headers=SENT),
    "store": lambda _: request("POST", "/v1/references", {"sha256": "0" * 64}, headers=SENT),
}


def assert_holds_no_secret(text: str, parts: Service) -> None:
    assert KEY not in text
    assert "the-idempotency-key" not in text
    assert not any(word in text.lower() for word in ("x-amz-signature", "x-amz-credential", "signature=", "policy"))
    assert "eyJleHBpcmF0aW9u" not in text  # how every policy begins: {"expiration
    assert parts.s3._request_signer._credentials.secret_key not in text  # type: ignore[attr-defined]


def assert_is_a_plain_500(answer: Answer) -> None:
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.body) == {"type", "title", "status", "detail", "request_id"}
    assert answer.body["type"] == "urn:mosaic:problem:internal"
    assert answer.body["request_id"] == "request-1"
    assert "Traceback" not in str(answer.body)
    assert "Error" not in str(answer.body["detail"])
    assert ".py" not in str(answer.body)


@pytest.mark.parametrize(
    ("error", "event"),
    [(NoCredentialsError(), "request_failed"), (EndpointConnectionError(endpoint_url="https://aws.test"), "busy")],
)
@pytest.mark.parametrize("client", ["dynamodb", "s3", "sqs"])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_client_that_raises_is_told_plainly_and_its_log_holds_no_secret(
    name: str,
    client: str,
    error: BotoCoreError,
    event: str,
    parts: Service,
    logged: io.StringIO,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = create()
    for role in Role:
        upload(parts, job.id, role)
    if name == "create":
        REQUESTS["create"](job.id)  # a repeated one looks for its files
    if name == "get":
        bring(parts, job.id, State.QUEUED)

    def refuse(**_: object) -> None:
        raise error

    called = getattr(parts, client).meta
    called.events.register(f"before-call.{called.service_model.service_id.hyphenize()}", refuse)
    try:
        with caplog.at_level(logging.INFO):
            answer = REQUESTS[name](job.id)
    finally:
        called.events.unregister(f"before-call.{called.service_model.service_id.hyphenize()}", refuse)
    assert_holds_no_secret(logged.getvalue() + caplog.text, parts)
    if (name, client) in {("create", "sqs"), ("uploads", "sqs"), ("get", "s3"), ("store", "s3"), ("store", "sqs")}:
        assert answer.status < 300  # these do not use that service
        return
    [line] = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert line["event"] == event
    if event == "busy":
        assert (answer.status, line["level"]) == (503, "warning")
    else:
        assert_is_a_plain_500(answer)
        assert (line["level"], line["request_id"]) == ("error", "request-1")
        assert line["exception"][0]["exc_value"] == str(error)


def document_with(document: JobDocument, **wrong: object) -> JobDocument:
    return JobDocument.model_validate({**dict(document), **wrong})


def test_an_answer_that_breaks_its_own_model_is_our_mistake_and_its_log_holds_no_policy(
    parts: Service, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_routes, "job_document", lambda *told: document_with(job_document(*told), links=None))
    assert_is_a_plain_500(request("POST", "/v1/jobs", {}, headers=SENT))
    monkeypatch.setattr(job_routes, "job_document", lambda *_: JobDocument.model_validate({"id": "x"}))
    assert_is_a_plain_500(request("POST", "/v1/jobs", {}, headers=SENT))
    assert "validation error" in logged.getvalue()
    assert "input_value" not in logged.getvalue()  # it would quote the ends of a link
    assert_holds_no_secret(logged.getvalue(), parts)


def test_an_answer_that_is_no_job_is_our_mistake_too(monkeypatch: pytest.MonkeyPatch) -> None:
    job = create()
    monkeypatch.setattr(
        job_routes, "answer", lambda *_: Response(200, content_type="application/json", body={"id": ["no", "job"]})
    )
    assert_is_a_plain_500(get(job.id))


def test_a_result_that_breaks_its_own_model_is_logged_without_its_link(
    parts: Service, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create()
    bring(parts, job.id, State.SUCCEEDED)

    def broken(job: Job, eta: float | None, details: str) -> JobDocument:
        return document_with(job_document(job, eta, details), result={"details": details})

    monkeypatch.setattr(job_routes, "job_document", broken)
    assert_is_a_plain_500(get(job.id))
    assert "validation error" in logged.getvalue()
    assert "input_value" not in logged.getvalue()  # it would quote the ends of a link
    assert_holds_no_secret(logged.getvalue(), parts)


def test_a_crash_of_the_intake_is_logged_without_secrets(
    parts: Service, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(intake, "take", crash)
    job = create()
    body = json.dumps(
        {"Records": [{"s3": {"object": {"key": upload_key(job.id, Role.DEGRADED), "eTag": "0"}}}], "secret": KEY}
    )
    assert intake.handler(event_of(body), None)["batchItemFailures"]
    assert "broken" in logged.getvalue()
    assert_holds_no_secret(logged.getvalue(), parts)


def test_a_whole_life_is_logged_without_secrets(
    parts: Service, logged: io.StringIO, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        job_id = str(REQUESTS["create"]("").body["id"])
        REQUESTS["uploads"](job_id)
        for role in Role:
            upload(parts, job_id, role)
            body = json.dumps({"Records": [{"s3": {"object": {"key": upload_key(job_id, role), "eTag": "0"}}}]})
            intake.handler(event_of(body), None)
        for name in ("start", "get", "get", "get", "get"):
            REQUESTS[name](job_id)
    assert len(all_messages(parts)) == 1
    text = logged.getvalue() + caplog.text + "".join(capfd.readouterr())
    assert "upload_taken" in text
    assert_holds_no_secret(text.replace(BUCKET, ""), parts)
    assert all(json.loads(line) for line in logged.getvalue().splitlines())
