"""The queue message: whatever comes is an Envelope, newer than this release, or malformed; never anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.envelope import VERSION, Envelope, MalformedEnvelope, NewerEnvelope, pack, unpack
from shared.job import new_job_id

GOOD = {"version": 1, "job": "0123456789abcdef" * 2, "trace": f"00-{'a' * 32}-{'b' * 16}-01"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def outcome(body: str) -> type:
    """What a body is taken for."""
    try:
        return type(unpack(body))
    except (MalformedEnvelope, NewerEnvelope) as refusal:
        return type(refusal)


@given(st.binary(min_size=16, max_size=16).map(bytes.hex))
def test_what_is_packed_is_unpacked(job_id: str) -> None:
    envelope = unpack(pack(job_id))
    assert (envelope.version, envelope.job) == (VERSION, job_id)
    assert envelope.trace.split("-")[1] == job_id


def test_a_message_holds_the_job_id_and_a_trace_and_nothing_else() -> None:
    body = json.loads(pack(new_job_id()))
    assert set(body) == {"version", "job", "trace"}


def test_two_messages_of_a_job_are_two_spans_of_one_trace() -> None:
    job_id = new_job_id()
    one, other = unpack(pack(job_id)).trace, unpack(pack(job_id)).trace
    assert one != other
    assert one.split("-")[1] == other.split("-")[1]


@given(st.text(alphabet=st.characters()))
@example("[" * 100_000)
@example('{"version":' * 100_000)
@example("\ud800")
@example('{"version": 1, "job": "\ud800", "trace": ""}')
@example("9" * 5000)
@example('{"version": ' + "9" * 5000 + "}")
@example("\x00")
def test_any_text_is_taken_for_one_of_three(body: str) -> None:
    assert outcome(body) in (Envelope, MalformedEnvelope, NewerEnvelope)


@given(json_values)
def test_any_json_is_taken_for_one_of_three(value: object) -> None:
    assert outcome(json.dumps(value)) in (Envelope, MalformedEnvelope, NewerEnvelope)


@given(st.dictionaries(st.sampled_from(["version", "job", "trace", "more"]), json_values))
def test_any_object_of_our_members_is_taken_for_one_of_three(value: dict[str, object]) -> None:
    assert outcome(json.dumps({**GOOD, **value})) in (Envelope, MalformedEnvelope, NewerEnvelope)


@given(st.integers(min_value=VERSION + 1), st.dictionaries(st.text(), json_values, max_size=3))
def test_a_newer_version_is_never_malformed_whatever_else_it_holds(version: int, more: dict[str, object]) -> None:
    assert outcome(json.dumps({**more, "version": version})) is NewerEnvelope


@given(st.integers(max_value=0))
def test_a_version_that_never_was_is_malformed(version: int) -> None:
    assert outcome(json.dumps({**GOOD, "version": version})) is MalformedEnvelope


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1"},
        {"version": True},
        {"version": 1.5},
        {"version": None},
        {"job": "0" * 31},
        {"job": "A" * 32},
        {"job": "0" * 32 + "\n"},
        {"job": None},
        {"trace": ""},
        {"trace": "00-" + "a" * 32 + "-" + "b" * 16},
        {"trace": "01-" + "a" * 32 + "-" + "b" * 16 + "-01"},
    ],
)
def test_a_broken_member_is_malformed(change: dict[str, object]) -> None:
    assert outcome(json.dumps(GOOD)) is Envelope
    assert outcome(json.dumps({**GOOD, **change})) is MalformedEnvelope


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_member_is_malformed(name: str) -> None:
    assert outcome(json.dumps({key: value for key, value in GOOD.items() if key != name})) is MalformedEnvelope


def test_a_refusal_does_not_repeat_the_body() -> None:
    with pytest.raises(MalformedEnvelope) as refusal:
        unpack('{"secret": "of somebody"}')
    assert "secret" not in str(refusal.value)
