"""A start while other things happen: files replaced, jobs started or cancelled, responses lost, sends that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import EndpointConnectionError

from api import starting
from api.service import Service
from shared import envelope, items
from shared.job import Role
from shared.job_table import job_key
from shared.jobs import SEND_SECONDS
from shared.object_keys import upload_key
from shared.states import State
from tests import wavs
from tests.lost_responses import lost_once
from tests.unit.api.steps import (
    BUCKET,
    all_messages,
    bring,
    calls,
    document,
    get,
    item,
    messages,
    start,
    upload,
    uploaded,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

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


@pytest.mark.parametrize("degraded", [LONG_HEADER, ENDLESS_HEADER], ids=["good", "bad"])
def test_a_job_that_was_deleted_while_it_was_checked_is_404(degraded: bytes, parts: Service) -> None:
    job = uploaded(parts, degraded=degraded)
    with before_second_read(
        parts.s3,
        upload_key(job.id, Role.DEGRADED),
        lambda: parts.jobs.delete(bring(parts, job.id, State.CANCELLED)),
    ):
        answer = start(job.id)
    assert (answer.status, answer.body["type"]) == (404, "urn:mosaic:problem:unknown_job")
    assert all_messages(parts) == []


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


@contextmanager
def before_send(parts: Service, do: Callable[[], object]) -> Iterator[None]:
    """Call `do` when a message is about to be sent."""

    def note(**_: object) -> None:
        do()

    parts.sqs.meta.events.register("before-call.sqs.SendMessage", note)
    try:
        yield
    finally:
        parts.sqs.meta.events.unregister("before-call.sqs.SendMessage", note)


def cannot_be_reached() -> None:
    raise EndpointConnectionError(endpoint_url="https://sqs.test")


def test_a_send_that_fails_is_told_and_a_start_that_is_repeated_makes_up_for_it_at_once(parts: Service) -> None:
    job = uploaded(parts)
    with before_send(parts, cannot_be_reached):
        assert [start(job.id).status for _ in range(2)] == [503] * 2
    found = item(parts, job.id) or {}
    assert found["state"] == State.QUEUED
    assert "pending" in found
    assert [start(job.id).status for _ in range(3)] == [202] * 3
    assert len(all_messages(parts)) == 1


def test_a_start_while_anothers_send_is_under_way_sends_nothing(parts: Service) -> None:
    job = uploaded(parts)
    seen: list[State] = []
    with before_send(parts, lambda: seen.append(starting.start(parts, parts.jobs.get(job.id)).state)):
        assert start(job.id).status == 202
    assert seen == [State.QUEUED]
    assert len(all_messages(parts)) == 1


def test_a_send_that_nobody_lived_to_make_is_overdue_a_moment_later(parts: Service) -> None:
    job = uploaded(parts)
    bring(parts, job.id, State.QUEUED)
    assert start(job.id).status == 202
    assert all_messages(parts) == []
    parts.dynamodb.update_item(
        TableName=parts.settings.table,
        Key=items.pack(job_key(job.id)),
        UpdateExpression="SET check_at = check_at - :seconds",
        ExpressionAttributeValues=items.pack({":seconds": SEND_SECONDS}),
    )
    assert [start(job.id).status for _ in range(3)] == [202] * 3
    assert len(all_messages(parts)) == 1
