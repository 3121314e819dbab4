"""The intake function: an upload that S3 tells of starts its job, once everything that it waits for is there."""

from __future__ import annotations

import io
import json
import secrets
from urllib.parse import quote_plus

import pytest

from api import intake
from api.service import Service
from shared import envelope, items
from shared.claims import Claims
from shared.job import Role
from shared.job_table import job_key
from shared.object_keys import result_key, upload_key
from shared.states import ENDS, State
from tests.deliveries import event_of
from tests.jobs_for_tests import result
from tests.lost_responses import lost_once
from tests.unit.api.steps import (
    BUCKET,
    GOOD,
    all_messages,
    bring,
    count_items,
    create,
    document,
    get,
    item,
    messages,
    start,
    stored,
    upload,
)

TEST_EVENT = json.dumps(
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T05:00:00Z", "Bucket": BUCKET}
)


def told(*keys: str, etag: str = '"' + "0" * 32 + '"') -> str:
    """A notification as S3 sends it (S3 User Guide, "Event message structure"), of these keys, URL-encoded."""
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Post",
            "s3": {
                "bucket": {"name": BUCKET},
                "object": {"key": quote_plus(key, safe="/"), "size": 1, "eTag": etag.strip('"')},
            },
        }
        for key in keys
    ]
    return json.dumps({"Records": records})


def deliver(*bodies: str) -> list[str]:
    """Deliver a batch; the places of the messages that are to come again."""
    answer = intake.handler(event_of(*bodies), None)
    assert list(answer) == ["batchItemFailures"]
    assert all(list(failure) == ["itemIdentifier"] for failure in answer["batchItemFailures"])
    return [failure["itemIdentifier"].removeprefix("message-") for failure in answer["batchItemFailures"]]


def arrive(parts: Service, job_id: str, role: Role, content: bytes = GOOD) -> list[str]:
    """A file is uploaded, and S3 tells so."""
    upload(parts, job_id, role, content)
    return deliver(told(upload_key(job_id, role)))


@pytest.mark.parametrize("order", [(Role.REFERENCE, Role.DEGRADED), (Role.DEGRADED, Role.REFERENCE)])
def test_the_last_arrival_starts_the_job_whichever_it_is(order: tuple[Role, Role], parts: Service) -> None:
    job = create()
    assert arrive(parts, job.id, order[0]) == []
    assert document(get(job.id)).state is State.AWAITING_UPLOAD
    assert all_messages(parts) == []
    assert arrive(parts, job.id, order[1]) == []
    assert document(get(job.id)).state is State.QUEUED
    [message] = messages(parts)
    assert (envelope.unpack(message.body).job, message.group) == (job.id, "acme")


@pytest.mark.parametrize("together", [False, True])
def test_both_in_one_batch_or_in_one_message_start_it_once(together: bool, parts: Service) -> None:
    job = create()
    for role in Role:
        upload(parts, job.id, role)
    keys = [upload_key(job.id, role) for role in Role]
    assert deliver(*([told(*keys)] if together else [told(key) for key in keys])) == []
    assert [envelope.unpack(message.body).job for message in messages(parts)] == [job.id]


def test_the_same_news_again_changes_nothing(parts: Service) -> None:
    job = create()
    for role in Role:
        arrive(parts, job.id, role)
    before = item(parts, job.id)
    for role in Role:
        assert deliver(told(upload_key(job.id, role))) == []
    assert item(parts, job.id) == before
    assert stored(parts, job.id) == set(Role)
    assert len(messages(parts)) == 1


def test_news_of_a_job_that_was_started_by_its_call_changes_nothing(parts: Service) -> None:
    job = create()
    for role in Role:
        upload(parts, job.id, role)
    start(job.id)
    assert deliver(*(told(upload_key(job.id, role)) for role in Role)) == []
    assert len(messages(parts)) == 1


def test_a_manual_job_waits_for_its_call(parts: Service) -> None:
    job = create({"start": "manual"})
    for role in Role:
        assert arrive(parts, job.id, role) == []
    assert document(get(job.id)).state is State.AWAITING_UPLOAD
    assert stored(parts, job.id) == set(Role)
    assert all_messages(parts) == []
    assert start(job.id).status == 202


def test_bad_audio_fails_the_job(parts: Service) -> None:
    job = create()
    arrive(parts, job.id, Role.REFERENCE)
    assert arrive(parts, job.id, Role.DEGRADED, b"no wav") == []
    found = document(get(job.id))
    assert found.state is State.FAILED
    assert found.error is not None
    assert (found.error.code, found.error.file) == ("not_wav", Role.DEGRADED)
    assert all_messages(parts) == []


@pytest.mark.parametrize("role", Role)
def test_an_upload_whose_job_is_unknown_is_deleted(role: Role, parts: Service) -> None:
    job_id, before = secrets.token_hex(16), count_items(parts)
    assert arrive(parts, job_id, role) == []
    assert stored(parts, job_id) == set()
    assert count_items(parts) == before


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_upload_whose_job_has_ended_is_deleted_and_only_that(state: State, parts: Service) -> None:
    job = create()
    upload(parts, job.id, Role.REFERENCE)
    bring(parts, job.id, state)
    before = item(parts, job.id)
    assert arrive(parts, job.id, Role.DEGRADED) == []
    assert stored(parts, job.id) == {Role.REFERENCE}
    assert item(parts, job.id) == before


def test_a_late_event_of_the_very_file_that_was_scored_deletes_nothing(parts: Service) -> None:
    job = create()
    etags = {role: upload(parts, job.id, role) for role in Role}
    assert deliver(*(told(upload_key(job.id, role), etag=etag) for role, etag in etags.items())) == []
    claims = Claims(parts.table, "host-a")
    claims.commit(claims.begin(claims.claim(job.id)), result(), result_key(job.id, 1))
    assert deliver(*(told(upload_key(job.id, role), etag=etag) for role, etag in etags.items())) == []
    assert stored(parts, job.id) == set(Role)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_an_upload_whose_job_is_on_its_way_is_left(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    assert arrive(parts, job.id, Role.DEGRADED) == []
    assert stored(parts, job.id) == {Role.DEGRADED}
    assert all_messages(parts) == []


def test_an_upload_that_is_gone_again_is_no_failure(parts: Service) -> None:
    job = create()
    assert (
        deliver(told(upload_key(job.id, Role.DEGRADED)), told(upload_key(secrets.token_hex(16), Role.DEGRADED))) == []
    )


def test_a_test_event_is_taken_and_nothing_happens(parts: Service) -> None:
    assert deliver(TEST_EVENT) == []


@pytest.mark.parametrize(
    "key",
    [
        "jobs/{id}/degraded.wav.bak",
        "jobs/{id}/degraded.mp3",
        "jobs/{id}/sub/degraded.wav",
        "jobs/{id}/other.wav",
        "jobs/x/degraded.wav",
        "other/jobs/{id}/degraded.wav",
        "references/acme/{id}.wav",
        "results/{id}/1.json",
        "jobs/ä b+c/degraded.wav",
    ],
)
def test_foreign_keys_are_left_alone(key: str, parts: Service) -> None:
    key = key.format(id=secrets.token_hex(16))
    parts.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    assert deliver(told(key)) == []
    assert parts.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == 1


def test_keys_come_url_encoded(parts: Service) -> None:
    job = create()
    for role in Role:
        upload(parts, job.id, role)
    encoded = told(upload_key(job.id, Role.DEGRADED)).replace("jobs/", "%6aobs%2F").replace("degraded", "d%65graded")
    assert deliver(encoded) == []
    assert len(messages(parts)) == 1


@pytest.mark.parametrize(
    "poison",
    [
        "",
        "no json",
        "[]",
        "null",
        "1",
        '"x"',
        '{"Records": 1}',
        '{"Records": [{}]}',
        '{"Records": [{"s3": {}}]}',
        "[" * 100_000,
    ],
)
def test_a_poisoned_message_fails_alone(poison: str, parts: Service, logged: io.StringIO) -> None:
    one, other = create(), create()
    for job in (one, other):
        for role in Role:
            upload(parts, job.id, role)
    good = [told(upload_key(job.id, Role.DEGRADED)) for job in (one, other)]
    assert deliver(good[0], poison, good[1]) == ["1"]
    assert {envelope.unpack(message.body).job for message in messages(parts)} == {one.id, other.id}
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [line["message_id"] for line in lines if line["event"] == "message_failed"] == ["message-1"]


def test_a_call_that_fails_brings_its_message_back_and_the_next_delivery_goes_on(parts: Service) -> None:
    job = create()
    for role in Role:
        upload(parts, job.id, role)

    def refuse(**_: object) -> None:
        raise ConnectionError("no route")

    news = told(upload_key(job.id, Role.DEGRADED))
    parts.s3.meta.events.register("before-send.s3.GetObject", refuse)
    try:
        assert deliver(news) == ["0"]
    finally:
        parts.s3.meta.events.unregister("before-send.s3.GetObject", refuse)
    assert document(get(job.id)).state is State.AWAITING_UPLOAD
    assert deliver(news) == []
    assert len(messages(parts)) == 1


@pytest.mark.parametrize(
    ("client", "operation"), [("dynamodb", "GetItem"), ("s3", "GetObject"), ("dynamodb", "UpdateItem")]
)
def test_a_lost_response_changes_nothing(client: str, operation: str, parts: Service) -> None:
    job = create()
    for role in Role:
        upload(parts, job.id, role)
    with lost_once(getattr(parts, client), operation) as sent:
        assert deliver(told(upload_key(job.id, Role.REFERENCE))) == []
    assert len(sent) >= 2
    assert len(messages(parts)) == 1


def test_a_lost_response_of_the_deletion_changes_nothing(parts: Service) -> None:
    with lost_once(parts.s3, "DeleteObject") as sent:
        assert arrive(parts, secrets.token_hex(16), Role.DEGRADED) == []
    assert len(sent) == 2


def test_a_job_that_vanishes_before_its_file_arrives_leaves_nothing(parts: Service) -> None:
    job = create()
    arrive(parts, job.id, Role.REFERENCE)
    parts.dynamodb.delete_item(TableName=parts.table.name, Key=items.pack(job_key(job.id)))
    arrive(parts, job.id, Role.DEGRADED)
    assert stored(parts, job.id) == {Role.REFERENCE}  # the other is the janitor's
    assert item(parts, job.id) is None


def test_an_empty_batch_is_no_failure() -> None:
    assert deliver() == []
