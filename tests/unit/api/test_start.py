"""`POST /v1/jobs/{id}/start`: both files there, headers hold, queued, one message; twice is the same as once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from api import waiting
from api.service import Service
from shared import envelope
from shared.audio_rules import AudioFault
from shared.claims import Claims
from shared.job import Role
from shared.object_keys import upload_key
from shared.states import ENDS, State
from shared.wav import WavFault
from tests import wavs
from tests.lost_responses import lost_once
from tests.unit.api.steps import (
    BAD_INPUT,
    BUCKET,
    GLOBEX,
    GOOD,
    all_messages,
    bring,
    calls,
    create,
    document,
    get,
    item,
    messages,
    start,
    stored,
    upload,
    uploaded,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def test_a_job_with_both_files_is_queued_with_one_message(parts: Service) -> None:
    job = uploaded(parts)
    answer = start(job.id)
    assert answer.status == 202
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert document(answer).state is State.QUEUED
    [message] = messages(parts)
    assert envelope.unpack(message.body).job == job.id
    assert message.group == "acme"
    assert all_messages(parts) == []
    assert document(get(job.id)).state is State.QUEUED


def test_both_etags_are_recorded(parts: Service) -> None:
    job = create({"start": "manual"})
    etags = {role: upload(parts, job.id, role, wavs.wav(0.5 + 0.1 * len(role))) for role in Role}
    start(job.id)
    found = parts.jobs.get(job.id)
    assert {role: found.file(role).etag for role in Role} == etags
    assert len(set(etags.values())) == 2


def test_a_message_goes_to_the_lane_of_its_pool_in_the_group_of_its_tenant(parts: Service) -> None:
    job = create({"engine": "polqa", "mode": "wb", "start": "manual"}, key_id=GLOBEX)
    for role in Role:
        upload(parts, job.id, role)
    assert start(job.id, key_id=GLOBEX).status == 202
    [message] = messages(parts, "polqa-3-interactive")
    assert (envelope.unpack(message.body).job, message.group) == (job.id, "globex")
    assert all_messages(parts) == []


def test_twice_is_the_same_as_once(parts: Service) -> None:
    job = uploaded(parts)
    first = start(job.id)
    before = item(parts, job.id)
    again = start(job.id)
    assert again.status == 202
    assert item(parts, job.id) == before
    assert again.body | {"eta_seconds": None} == first.body | {"eta_seconds": None}
    assert len(messages(parts)) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED])
def test_a_job_on_its_way_is_answered_as_it_stands_also_without_its_files(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    before = item(parts, job.id)
    answer = start(job.id)
    assert (answer.status, document(answer).state) == (202, state)
    assert item(parts, job.id) == before
    assert all_messages(parts) == []


@pytest.mark.parametrize("state", sorted(ENDS - {State.SUCCEEDED}))
def test_a_job_that_ended_without_a_score_does_not_start(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    answer = start(job.id)
    assert answer.status == 409
    assert answer.body["type"] == "urn:mosaic:problem:wrong_state"
    assert (answer.body["job"], answer.body["state"]) == (job.id, state)
    assert all_messages(parts) == []


def test_a_job_that_its_worker_found_bad_is_answered_with_that_rule(parts: Service) -> None:
    job = uploaded(parts)
    Claims(parts.table, "host-a").fail(bring(parts, job.id, State.RUNNING), BAD_INPUT)
    answer = start(job.id)
    assert (answer.status, answer.body["rule"], answer.body["file"]) == (422, "silent", "degraded")


@pytest.mark.parametrize("there", [[], [Role.REFERENCE], [Role.DEGRADED]])
def test_a_missing_file_is_named_and_the_job_waits_on(there: list[Role], parts: Service) -> None:
    job = create({"start": "manual"})
    for role in there:
        upload(parts, job.id, role)
    before = item(parts, job.id)
    answer = start(job.id)
    missing = [role for role in Role if role not in there]
    assert answer.status == 409
    assert answer.body["type"] == "urn:mosaic:problem:missing_upload"
    assert answer.body["missing"] == missing
    assert answer.body["job"] == job.id
    assert all(role in str(answer.body["detail"]) for role in missing)
    assert not any(role in str(answer.body["detail"]) for role in there)
    assert item(parts, job.id) == before
    assert all_messages(parts) == []
    for role in missing:
        upload(parts, job.id, role)
    assert start(job.id).status == 202


BAD_FILES: dict[str, bytes] = {
    WavFault.EMPTY_FILE: b"",
    WavFault.NOT_WAV: b"fLaC" + bytes(1000),
    WavFault.TRUNCATED: GOOD[:-100],
    WavFault.UNFINALISED_HEADER: wavs.riff(wavs.fmt(), wavs.chunk(b"data", bytes(1000), size=0xFFFFFFFF)),
    WavFault.HEADER_TOO_LONG: wavs.wav(0.5, before=[wavs.chunk(b"LIST", bytes(1024 * 1024))]),
    WavFault.MALFORMED_HEADER: wavs.riff(wavs.chunk(b"data", bytes(1000))),
    AudioFault.ENCODING: wavs.wav(0.5, format_tag=wavs.MULAW, bits=8),
    AudioFault.BITS_PER_SAMPLE: wavs.wav(0.5, bits=24),
    AudioFault.STEREO: wavs.wav(0.5, channels=2),
    AudioFault.TOO_MANY_CHANNELS: wavs.wav(0.5, channels=6),
    AudioFault.SAMPLE_RATE: wavs.wav(0.5, 8000),
    AudioFault.TOO_SHORT: wavs.wav(0.4),
    AudioFault.TOO_LONG: wavs.wav(4.1),
}
BAD_PREPARES: dict[str, dict[str, object]] = {
    AudioFault.CHANNEL_OF_MONO: {"channel": "left"},
    AudioFault.RESAMPLE_RATE: {"resample": 8000},
    AudioFault.RATE_MISMATCH: {"resample": 48000},
}


def test_every_rule_is_tried_here() -> None:
    assert {*BAD_FILES, *BAD_PREPARES} == {*WavFault, *AudioFault}


def refused(parts: Service, job_id: str, rule: str, role: Role) -> None:
    """The start fails the job for that rule, says so, and says the same again."""
    answer = start(job_id)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "urn:mosaic:problem:bad_audio"
    assert (answer.body["rule"], answer.body["file"], answer.body["job"]) == (rule, role, job_id)
    before = item(parts, job_id)
    assert start(job_id) == answer
    assert item(parts, job_id) == before
    found = get(job_id)
    assert found.status == 200
    ended = document(found)
    assert (ended.state, ended.result) == (State.FAILED, None)
    assert ended.error is not None
    assert (ended.error.category, ended.error.code, ended.error.file) == ("bad_input", rule, role)
    assert ended.error.message == answer.body["detail"]
    assert ended.expires_at is not None
    assert all_messages(parts) == []


@pytest.mark.parametrize("rule", BAD_FILES)
@pytest.mark.parametrize("role", Role)
def test_bad_audio_fails_the_job_and_names_file_and_rule(role: Role, rule: str, parts: Service) -> None:
    job = uploaded(parts, reference=GOOD, degraded=GOOD)
    upload(parts, job.id, role, BAD_FILES[rule])
    refused(parts, job.id, rule, role)


@pytest.mark.parametrize("rule", BAD_PREPARES)
def test_a_prepare_that_does_not_fit_its_file_fails_the_job(rule: str, parts: Service) -> None:
    job = uploaded(parts, {"start": "manual", "prepare": {"degraded": BAD_PREPARES[rule]}})
    refused(parts, job.id, rule, Role.DEGRADED)


@pytest.mark.parametrize(
    ("content", "prepare"),
    [
        (wavs.wav(0.5, channels=2), {"channel": "left"}),
        (wavs.wav(0.5, bits=24), {"decode": True}),
        (wavs.wav(0.5, format_tag=wavs.ALAW, bits=8), {"decode": True}),
        (wavs.wav(0.5, 8000), {"resample": 16000}),
    ],
)
def test_what_a_prepare_field_mends_starts(content: bytes, prepare: object, parts: Service) -> None:
    job = uploaded(parts, {"start": "manual", "prepare": {"degraded": prepare}}, degraded=content)
    assert start(job.id).status == 202


LONG_HEADER = wavs.wav(0.5, before=[wavs.chunk(b"LIST", bytes(100_000))])
ENDLESS_HEADER = wavs.wav(0.5, before=[wavs.chunk(b"LIST", bytes(100_000))] * 11)


def test_a_header_beyond_the_first_read_is_read_by_a_second_of_the_same_version(parts: Service) -> None:
    job = uploaded(parts, degraded=LONG_HEADER)
    with calls(parts.s3, "GetObject") as reads:
        assert start(job.id).status == 202
    assert len(reads) == 3
    assert reads[-1]["Key"] == upload_key(job.id, Role.DEGRADED)
    assert reads[-1]["IfMatch"] == parts.jobs.get(job.id).degraded.etag


def test_a_header_that_never_ends_costs_two_reads_and_a_megabyte(parts: Service) -> None:
    job = uploaded(parts, degraded=ENDLESS_HEADER)
    with calls(parts.s3, "GetObject") as reads:
        assert start(job.id).status == 422
    ranges = [str(read["Range"]).removeprefix("bytes=").split("-") for read in reads[1:]]
    assert len(ranges) == 2
    assert int(ranges[-1][1]) + 1 <= 1024 * 1024


@contextmanager
def before_second_read(client: S3Client, key: str, do: Callable[[], object]) -> Iterator[None]:
    """Call `do` when that object is about to be read for the second time."""
    reads: list[str] = []

    def note(params: dict[str, object], **_: object) -> None:
        if params["Key"] == key:
            reads.append(key)
            if len(reads) == 2:
                do()

    client.meta.events.register("provide-client-params.s3.GetObject", note)
    try:
        yield
    finally:
        client.meta.events.unregister("provide-client-params.s3.GetObject", note)
    assert len(reads) == 2, "it was not read twice: this test would prove nothing"


def test_a_file_replaced_while_it_is_checked_is_409_and_the_next_start_takes_the_new_one(parts: Service) -> None:
    job = uploaded(parts, degraded=LONG_HEADER)
    other = wavs.wav(0.6, before=[wavs.chunk(b"LIST", bytes(100_000))])
    before = item(parts, job.id)
    with before_second_read(
        parts.s3, upload_key(job.id, Role.DEGRADED), lambda: upload(parts, job.id, Role.DEGRADED, other)
    ):
        answer = start(job.id)
    assert answer.status == 409
    assert answer.body["type"] == "urn:mosaic:problem:changed_meanwhile"
    assert answer.body["job"] == job.id
    assert item(parts, job.id) == before
    assert all_messages(parts) == []
    assert start(job.id).status == 202


def test_a_file_that_vanishes_while_it_is_checked_is_409(parts: Service) -> None:
    job = uploaded(parts, degraded=LONG_HEADER)
    key = upload_key(job.id, Role.DEGRADED)
    with before_second_read(parts.s3, key, lambda: parts.s3.delete_object(Bucket=BUCKET, Key=key)):
        answer = start(job.id)
    assert (answer.status, answer.body["type"]) == (409, "urn:mosaic:problem:changed_meanwhile")
    assert document(get(job.id)).state is State.AWAITING_UPLOAD


def test_a_job_that_another_start_queued_meanwhile_gets_no_second_message(parts: Service) -> None:
    job = uploaded(parts, degraded=LONG_HEADER)
    with before_second_read(parts.s3, upload_key(job.id, Role.DEGRADED), lambda: bring(parts, job.id, State.QUEUED)):
        answer = start(job.id)
    assert (answer.status, document(answer).state) == (202, State.QUEUED)
    assert all_messages(parts) == []


def test_a_job_that_was_cancelled_while_it_was_checked_stays_cancelled(parts: Service) -> None:
    job = uploaded(parts, degraded=LONG_HEADER)
    with before_second_read(parts.s3, upload_key(job.id, Role.DEGRADED), lambda: bring(parts, job.id, State.CANCELLED)):
        answer = start(job.id)
    assert (answer.status, answer.body["state"]) == (409, "cancelled")
    assert all_messages(parts) == []


def test_bad_audio_of_a_job_that_was_cancelled_meanwhile_does_not_fail_it(parts: Service) -> None:
    job = uploaded(parts, degraded=ENDLESS_HEADER)
    with before_second_read(parts.s3, upload_key(job.id, Role.DEGRADED), lambda: bring(parts, job.id, State.CANCELLED)):
        answer = start(job.id)
    assert (answer.status, answer.body["state"]) == (409, "cancelled")
    assert parts.jobs.get(job.id).state is State.CANCELLED


CALLS = {
    "GetItem": "dynamodb",
    "GetObject": "s3",
    "UpdateItem": "dynamodb",
    "Query": "dynamodb",
    "GetQueueAttributes": "sqs",
}


@pytest.mark.parametrize("operation", CALLS)
def test_a_lost_response_changes_nothing(operation: str, parts: Service) -> None:
    job = uploaded(parts)
    with lost_once(getattr(parts, CALLS[operation]), operation) as sent:
        answer = start(job.id)
    assert len(sent) >= 2, "the response was not lost: this test would prove nothing"
    assert (answer.status, document(answer).state) == (202, State.QUEUED)
    assert len(messages(parts)) == 1


def test_a_lost_response_of_a_refusal_changes_nothing(parts: Service) -> None:
    job = uploaded(parts, degraded=b"no wav")
    with lost_once(parts.dynamodb, "UpdateItem") as sent:
        answer = start(job.id)
    assert len(sent) == 2
    assert (answer.status, answer.body["rule"]) == (422, "not_wav")


def test_a_lost_response_of_the_send_leaves_messages_of_the_one_job_only(parts: Service) -> None:
    job = uploaded(parts)
    with lost_once(parts.sqs, "SendMessage") as sent:
        assert start(job.id).status == 202
    assert len(sent) == 2
    # SQS cannot tell the second from a new one. It is harmless: the claim decides.
    assert {envelope.unpack(message.body).job for message in messages(parts)} == {job.id}


def test_a_send_that_fails_is_told_and_leaves_the_job_where_the_reconciler_finds_it(parts: Service) -> None:
    job = uploaded(parts)

    def refuse(**_: object) -> None:
        raise ConnectionError("no route")

    parts.sqs.meta.events.register("before-send.sqs.SendMessage", refuse)
    try:
        assert start(job.id).status == 500
    finally:
        parts.sqs.meta.events.unregister("before-send.sqs.SendMessage", refuse)
    found = item(parts, job.id) or {}
    assert found["state"] == State.QUEUED
    assert "pending" in found
    assert float(str(found["check_at"])) <= time.time() + 15 * 60
    # No second try from here: a start is one message, and the reconciler sends what is due.
    assert start(job.id).status == 202
    assert all_messages(parts) == []


def test_retry_after_of_a_start_is_a_quarter_of_the_eta(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "eta_seconds", lambda *_: 41.0)
    answer = start(uploaded(parts).id)
    assert (answer.headers["Retry-After"], answer.body["eta_seconds"]) == ("11", 41.0)


def test_starting_deletes_no_file(parts: Service) -> None:
    job = uploaded(parts, degraded=b"no wav")
    start(job.id)
    assert stored(parts, job.id) == set(Role)
