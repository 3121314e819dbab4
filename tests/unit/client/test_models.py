"""Documents: read tolerantly, and never taken for what they are not."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mosaic import Advice, Job, Problem, Role, State, UnexpectedAnswer

from tests.unit.client.fake_service import RESULT, SIGNATURE, STEREO

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def succeeded() -> dict[str, object]:
    return {
        "id": "0" * 32,
        "state": "succeeded",
        "engine": "visqol",
        "mode": "wb",
        "start": "auto",
        "reference": {"sha256": "a" * 64, "bytes": 263334},
        "degraded": {"sha256": None, "bytes": None},
        "label": "codec=amr",
        "metadata": {"call": "17"},
        "times": {"awaiting_upload": "2026-11-22T05:00:00.123Z", "succeeded": "2026-11-22T06:00:01+01:00"},
        "attempts": 1,
        "eta_seconds": None,
        "expires_at": "2026-11-29T05:00:01Z",
        "result": copy.deepcopy(RESULT),
        "error": None,
        "links": {"self": "/v1/jobs/0"},
    }


def test_every_member_of_the_contract_is_read() -> None:
    job = Job.from_document(succeeded())
    assert (job.state, job.ended, job.engine, job.mode, job.start) == (State.SUCCEEDED, True, "visqol", "wb", "auto")
    assert (job.reference.bytes, job.degraded.sha256, job.label, job.attempts) == (263334, None, "codec=amr", 1)
    assert job.metadata == {"call": "17"}
    assert job.times["succeeded"] == datetime(2026, 11, 22, 5, 0, 1, tzinfo=UTC)
    assert job.expires_at == datetime(2026, 11, 29, 5, 0, 1, tzinfo=UTC)
    assert job.result is not None
    assert job.result.timings_ms == {"queued": 41, "fetched": 12, "scored": 301, "published": 9}
    assert job.result.audio["reference"]["active_seconds"] == 2.1
    assert isinstance(job.result.warnings[0], Advice)


def test_a_result_without_signal_has_no_score() -> None:
    document = succeeded()
    document["result"] = {**RESULT, "mos_lqo": None}
    job = Job.from_document(document)
    assert job.result is not None
    assert job.result.mos_lqo is None


def test_an_error_is_read() -> None:
    job = Job.from_document({**succeeded(), "state": "failed", "result": None, "error": STEREO})
    assert job.error is not None
    assert (job.error.category, job.error.code, job.error.file) == ("bad_input", "stereo", "degraded")


def test_policies_are_read_by_role_and_left_out_of_the_document() -> None:
    policy = {"url": "http://s", "fields": {"key": "k", "policy": SIGNATURE}, "expires_at": "2026-11-22T05:15:00Z"}
    job = Job.from_document({**succeeded(), "uploads": {"degraded": policy, "third": policy}})
    assert set(job.uploads) == {Role.DEGRADED}
    assert job.uploads[Role.DEGRADED].fields["policy"] == SIGNATURE
    assert SIGNATURE not in repr(job)
    assert SIGNATURE not in repr(job.uploads)
    assert "uploads" not in job.document


@given(st.dictionaries(st.text(max_size=8).map("new {}".format), JSON, max_size=3))
def test_unknown_members_are_ignored_at_every_level(unknown: dict[str, object]) -> None:
    document = succeeded()
    wider: dict[str, object] = {**document, **unknown}
    for name in ("result", "reference", "degraded"):
        wider[name] = {**unknown, **part} if isinstance(part := document[name], dict) else part
    assert Job.from_document(wider).result == Job.from_document(document).result


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/id", None),
        ("/id", 5),
        ("/state", "thinking"),
        ("/state", None),
        ("/mode", []),
        ("/times", {"queued": "yesterday"}),
        ("/times", {"queued": "2026-11-22T05:00:00"}),
        ("/result", None),
        ("/result", "3.31"),
        ("/result/mos_lqo", "3.31"),
        ("/result/mos_lqo", True),
        ("/result/mos_lqo", float("nan")),
        ("/result/mos_lqo", 10**400),
        ("/result/engine/version", None),
        ("/result/warnings", [{"code": "x"}]),
        ("/result/warnings", {}),
        ("/reference/bytes", 1.5),
        ("/uploads", {"degraded": {"url": "u", "fields": {"key": 5}}}),
    ],
)
def test_a_wrong_member_is_named_and_its_value_is_not_shown(pointer: str, value: object) -> None:
    document = succeeded()
    *parents, name = pointer.split("/")[1:]
    place = document
    for parent in parents:
        child = place[parent]
        assert isinstance(child, dict)
        place[parent] = place = dict(child)
    place[name] = value
    with pytest.raises(UnexpectedAnswer, match=pointer):
        Job.from_document(document)


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_an_end_without_its_reason_is_no_job(state: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="/error"):
        Job.from_document({**succeeded(), "state": state, "result": None})


@given(JSON)
def test_any_document_is_a_job_or_unexpected(document: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        Job.from_document(document)


@given(st.sampled_from(sorted(succeeded())), JSON)
def test_any_member_is_read_or_unexpected(name: str, value: object) -> None:
    try:
        job = Job.from_document({**succeeded(), name: value})
    except UnexpectedAnswer as error:
        assert f"/{name}" in str(error)  # noqa: PT017 - only where it is raised
    else:
        assert (job.result is not None) or (job.state is not State.SUCCEEDED)


@given(st.integers(100, 999), JSON)
def test_any_answer_can_be_a_problem(status: int, document: object) -> None:
    problem = Problem.from_answer(status, document)
    assert problem.status == status
    assert str(problem)


def test_the_document_is_what_came() -> None:
    assert json.loads(json.dumps(dict(Job.from_document(succeeded()).document))) == succeeded()
