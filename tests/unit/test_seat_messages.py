"""What a seat's child says is believed only where it is what was agreed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.jobs_for_tests import new_job, result
from worker.engines.engine import EngineError, FailureClass, Score
from worker.result_document import result_document
from worker.seat_messages import (
    MAX_MESSAGE_BYTES,
    MAX_TOLD_LENGTH,
    MAX_WARNING_LENGTH,
    MAX_WARNINGS,
    decode_ready,
    decode_score,
    encode_error,
    encode_ready,
    encode_score,
)

PLAIN = {"mos_lqo": 3.0, "details": {}, "warnings": []}


def said(**changes: object) -> bytes:
    return json.dumps({"score": {**PLAIN, **changes}}).encode()


def nested(depth: int) -> JsonValue:
    inner: JsonValue = 1
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "message",
    [
        said(mos_lqo=float("nan")),
        said(mos_lqo=float("inf")),
        said(mos_lqo=0.5),
        said(mos_lqo=5.01),
        said(mos_lqo="good"),
        said(mos_lqo=None),
        said(details={"patches": [{"similarity": float("nan")}]}),
        said(details={"delay": -float("inf")}),
        said(details={"level": 0.5}).replace(b"0.5", b"1e999"),
        said(details={"words": "\\ud800"}).replace(b"\\\\", b"\\"),
        said(details={"number": 0.5}).replace(b"0.5", b"9" * 5000),
        said(details={"deep": nested(500)}),
        said(details=["no", "names"]),
        said(warnings="a warning"),
        said(warnings=[1]),
        said(more="of it"),
        b'{"score": null}',
        b'{"error": ["transient", "code", "message", ""]}',
        b'{"error": {"failure_class": "sad", "code": "c", "message": "m", "file": null}}',
        b"{}",
        b"[]",
        b"3.0",
        b"",
        b"\xff\xfe",
    ],
    ids=lambda message: message[:60],
)
def test_what_is_no_score_is_a_failure_of_that_attempt_and_of_nothing_else(message: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        decode_score(message)
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSIENT, "unusable_score")
    assert len(caught.value.message) < MAX_TOLD_LENGTH


@given(st.binary(max_size=200))
def test_no_answer_breaks_who_reads_it(message: bytes) -> None:
    with pytest.raises(EngineError):
        decode_score(message)


def test_a_score_may_have_any_details_that_json_can_hold() -> None:
    details: dict[str, JsonValue] = {"patches": [{"similarity": 0.5, "at": [1, None]}], "umlaut": "ä😀", "big": 10**400}
    score = Score(2.5, details, ("it warns",))
    assert decode_score(encode_score(score)) == score


def test_what_was_believed_can_be_written_to_the_result() -> None:
    score = decode_score(said(details={"umlaut": "ä😀", "big": 10**400, "deep": nested(50)}))
    assert json.loads(result_document(new_job().model_copy(update={"attempt": 1}), result(3.0), score.details))


def test_of_many_and_long_warnings_so_much_is_kept_as_a_job_has_room_for() -> None:
    warnings = decode_score(said(warnings=["w" * 10_000] * 10_000)).warnings
    assert warnings == ("w" * MAX_WARNING_LENGTH,) * MAX_WARNINGS


@pytest.mark.parametrize("details", [{"series": "s" * MAX_MESSAGE_BYTES}, {"deep": nested(100_000)}, {"a": {0.5}}])
def test_details_that_cannot_be_sent_are_refused_by_the_child_itself(details: dict[str, JsonValue]) -> None:
    with pytest.raises(EngineError) as caught:
        encode_score(Score(3.0, details))
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.TRANSIENT, "unusable_score")


def test_an_error_is_told_in_so_many_words_at_most() -> None:
    with pytest.raises(EngineError) as caught:
        decode_score(encode_error(EngineError(FailureClass.BAD_INPUT, "odd", "m" * 10**6)))
    assert (caught.value.code, len(caught.value.message)) == ("odd", MAX_TOLD_LENGTH)


def test_a_child_that_is_ready_tells_its_version() -> None:
    assert decode_ready(encode_ready("3.8.0")) == "3.8.0"


@pytest.mark.parametrize("message", [b"", b"{}", b"[]", b"null", b"ready", b'{"version": 3}', b"\xff"])
def test_what_is_neither_ready_nor_an_error_is_not_believed(message: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        decode_ready(message)
