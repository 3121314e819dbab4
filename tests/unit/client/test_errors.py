"""Errors: typed by what a caller would do, and without secrets."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mosaic import (
    ApiError,
    Conflict,
    FieldProblem,
    Invalid,
    JobFailed,
    Mosaic,
    MosaicError,
    NotFound,
    Problem,
    ServerError,
    SettingProblem,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    UploadRefused,
    WaitTimeout,
)

from tests.unit.client.fake_service import EXPIRED, KEY, LOST, SIGNATURE, FakeService, problem, storage_error
from tests.unit.client.idle_clock import IdleClock


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, NotFound),
        (409, Conflict),
        (413, Invalid),
        (415, Invalid),
        (418, ApiError),
        (422, Invalid),
        (429, TooManyRequests),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_each_status_has_its_error(mosaic: Mosaic, service: FakeService, status: int, kind: type[ApiError]) -> None:
    service.will("GET", *[problem(status, "Do this.")] * 5)
    with pytest.raises(ApiError, match="Do this") as caught:
        mosaic.get("0" * 32)
    assert type(caught.value) is kind
    assert caught.value.problem.status == status


def test_a_problem_document_is_kept_whole(mosaic: Mosaic, service: FakeService) -> None:
    errors = [{"pointer": "/degraded/bytes", "detail": "At most 67108864."}]
    service.will("GET", problem(422, "See errors.", errors=errors, rule="too_large", file="degraded"))
    with pytest.raises(Invalid) as caught:
        mosaic.get("0" * 32)
    assert caught.value.problem == Problem(
        type="urn:mosaic:problem:test",
        title="Test",
        status=422,
        detail="See errors.",
        errors=(FieldProblem("/degraded/bytes", "At most 67108864."),),
        extensions={"rule": "too_large", "file": "degraded"},
    )
    assert "/degraded/bytes: At most 67108864." in str(caught.value)


def test_what_the_detail_says_is_not_said_again_for_a_field() -> None:
    errors = [{"pointer": "/mode", "detail": "There is wb."}, {"pointer": "/label", "detail": "Too long."}]
    told = Problem.from_answer(422, {"detail": "There is wb.", "errors": errors})
    assert str(told) == "There is wb. (HTTP 422)\n  /label: Too long."


@pytest.mark.parametrize(
    "answer", [b"<html>Bad gateway</html>", b"", b"[1]", b"\xff\xfe", b'{"errors": 5, "title": 3, "detail": null}']
)
def test_an_error_that_is_no_problem_document_is_still_an_error(idle: IdleClock, answer: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(404, content=answer))
    with Mosaic("http://h", KEY, transport=transport, clock=idle) as mosaic, pytest.raises(NotFound) as caught:
        mosaic.get("0" * 32)
    assert str(caught.value) == "Not Found (HTTP 404)"


def test_the_gateways_own_message_is_told(idle: IdleClock) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(403, json={"message": "Forbidden by the gateway"}))
    with (
        Mosaic("http://h", KEY, transport=transport, clock=idle) as mosaic,
        pytest.raises(Unauthorized, match="Forbidden by the gateway"),
    ):
        mosaic.get("0" * 32)


@pytest.mark.parametrize("answer", [b"<html>Welcome</html>", b"[]", b"null", b"{}", b'{"id": 5}'])
def test_an_answer_that_is_no_job_is_unexpected(idle: IdleClock, answer: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
    with Mosaic("http://h", KEY, transport=transport, clock=idle) as mosaic, pytest.raises(UnexpectedAnswer):
        mosaic.get("0" * 32)


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://h", "http://", "http://h:port", "http://u:p@h", "http://h?a=b"]
)
def test_a_url_that_cannot_be_right_is_told_at_once(url: str) -> None:
    with pytest.raises(SettingProblem, match="URL"):
        Mosaic(url, KEY)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "localhost:8080", "localhost", "ftp://h"])
def test_a_url_of_another_form_is_quoted_beside_the_form_that_is_wanted(url: str) -> None:
    with pytest.raises(SettingProblem, match=f"http://host:port or https://host, not '{url}'"):
        Mosaic(url, KEY)


@pytest.mark.parametrize("url", ["http://u:secret@h", "u:secret@h", "http://h?a=secret", "h?a=secret"])
def test_a_url_with_what_may_be_secret_is_not_shown(url: str) -> None:
    with pytest.raises(SettingProblem) as caught:
        Mosaic(url, KEY)
    assert "secret" not in whole(caught.value)


@pytest.mark.parametrize("key", ["", " \n", "kéy-secret", "a b-secret", "a\nb-secret", "a\x00-secret"])
def test_a_key_that_cannot_be_right_is_told_at_once_and_not_shown(key: str) -> None:
    with pytest.raises(SettingProblem, match="API key") as caught:
        Mosaic("http://h", key)
    assert "secret" not in whole(caught.value)


def test_a_key_from_a_file_with_its_newline_is_taken(service: FakeService, idle: IdleClock) -> None:
    with Mosaic(service.url, f"{KEY}\n", clock=idle) as mosaic, pytest.raises(NotFound):
        mosaic.get("0" * 32)


def whole(error: BaseException) -> str:
    """All that an error shows, and what led to it."""
    chain = list(causes(error))
    return " ".join(f"{link} {link!r} {vars(link) if isinstance(link, MosaicError) else ''}" for link in chain)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def test_no_error_repr_or_log_holds_the_key_or_a_signature(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errors: list[MosaicError] = []

    def catch(kind: type[MosaicError], error: pytest.ExceptionInfo[MosaicError]) -> None:
        assert isinstance(error.value, kind)
        errors.append(error.value)

    job = mosaic.create(reference, degraded)
    for kind, replies in [
        (UploadRefused, [EXPIRED, EXPIRED]),
        (UploadRefused, [storage_error(403, "SignatureDoesNotMatch", "Check your key.")]),
        (Unreachable, [LOST] * 5),
    ]:
        service.will("POST /storage", *replies)
        with pytest.raises(MosaicError) as caught:
            mosaic.upload(job, degraded=degraded)
        catch(kind, caught)
    service.states = ["running"]
    with pytest.raises(MosaicError) as caught:
        mosaic.wait(job, timeout=1)
    catch(WaitTimeout, caught)
    service.states = ["failed"]
    with pytest.raises(MosaicError) as caught:
        mosaic.score(reference, degraded)
    catch(JobFailed, caught)
    service.result = {"mos_lqo": SIGNATURE}
    service.states = ["succeeded"]
    with pytest.raises(MosaicError) as caught:
        mosaic.wait(job)
    catch(UnexpectedAnswer, caught)

    shown = " ".join(map(whole, errors)) + repr(mosaic) + repr(job) + caplog.text
    assert "127.0.0.1" in caplog.text  # the libraries' own logs are in it too
    assert KEY not in shown
    assert SIGNATURE not in shown


def test_the_repr_of_a_result_holds_no_signed_link(mosaic: Mosaic, reference: Path, degraded: Path) -> None:
    job = mosaic.wait(mosaic.create(reference, degraded))
    assert job.result is not None
    assert job.result.details is not None
    assert SIGNATURE in job.result.details
    assert SIGNATURE not in repr(job)
    assert SIGNATURE not in repr(job.result)


def test_errors_travel_between_processes(mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path) -> None:
    service.states = ["failed"]
    with pytest.raises(JobFailed) as failed:
        mosaic.score(reference, degraded)
    with pytest.raises(NotFound) as missing:
        mosaic.get("0" * 32)
    for error in (failed.value, missing.value, UploadRefused(400, "A", "b"), WaitTimeout("1", None, 5)):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - made on the line itself
