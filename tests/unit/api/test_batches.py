"""Batches: items answered one by one, started together, counted, and back as one table."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from api import batch_starter
from api import service as service_module
from api.messages import Message
from api.service import Service
from shared.job import Role
from shared.object_keys import upload_key
from shared.resources import BATCHES_QUEUE
from shared.states import State
from tests.requests import Answer, request
from tests.unit.api.steps import (
    GLOBEX,
    GOOD,
    all_messages,
    bring,
    calls,
    count_items,
    create,
    serving_only,
    upload,
)
from tests.unit.api.steps import start as start_job
from tests.unit.api.test_intake import deliver, told

Items = list[dict[str, Any]]


def new_batch(key_id: str | None = None) -> str:
    answer = request("POST", "/v1/batches", {}, **({"key_id": key_id} if key_id else {}))  # type: ignore[arg-type]
    assert answer.status == 201, answer.body
    assert answer.headers["Location"] == f"/v1/batches/{answer.body['id']}"
    return str(answer.body["id"])


def add(batch: str, *items: Mapping[str, object], **query: str) -> Items:
    answer = request("POST", f"/v1/batches/{batch}/jobs", {"jobs": list(items)}, query=query)
    assert answer.status == 200, answer.body
    return cast(Items, answer.body["jobs"])


def show(batch: str) -> dict[str, Any]:
    answer = request("GET", f"/v1/batches/{batch}")
    assert answer.status == 200, answer.body
    return cast(dict[str, Any], answer.body)


def start(batch: str) -> Answer:
    return request("POST", f"/v1/batches/{batch}/start")


def upload_both(parts: Service, job_id: str) -> None:
    for role in Role:
        upload(parts, job_id, role, GOOD)


def work_off(parts: Service) -> None:
    """Let the starter work off its queue, until nothing is left in it."""
    while received := drain(parts):
        records: list[Message] = [
            {"messageId": one["MessageId"], "receiptHandle": one["ReceiptHandle"], "body": one["Body"]}
            for one in received
        ]
        assert batch_starter.handler({"Records": records}, None) == {"batchItemFailures": []}


def drain(parts: Service) -> Items:
    """Take every message out of the starter's queue."""
    url = parts.settings.queue_urls[BATCHES_QUEUE]
    received = parts.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in received:
        parts.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return cast(Items, received)


@pytest.fixture(autouse=True)
def _no_errand_left(parts: Service) -> Iterator[None]:
    yield
    drain(parts)


def test_items_are_answered_one_by_one_in_their_order(parts: Service) -> None:
    batch = new_batch()
    good, unknown, wrong, silent = add(
        batch,
        {"custom_id": "a", "label": "codec=amr"},
        {"custom_id": "b", "mode": "fb"},
        {"custom_id": "c", "degraded": {"bytes": 0}},
        {"label": "nameless"},
    )
    assert [one["status"] for one in (good, unknown, wrong, silent)] == [201, 422, 422, 422]
    assert [one["custom_id"] for one in (good, unknown, wrong, silent)] == ["a", "b", "c", None]
    assert set(good["job"]["uploads"]) == {"reference", "degraded"}
    assert unknown["problem"]["errors"][0]["pointer"] == "/mode"
    assert wrong["problem"]["errors"][0]["pointer"] == "/degraded/bytes"
    assert silent["problem"]["errors"][0]["pointer"] == "/custom_id"
    assert (show(batch)["jobs"], show(batch)["counts"]["awaiting_upload"]) == (1, 1)


def test_an_item_that_is_added_again_is_the_same_job_and_counts_once(parts: Service) -> None:
    batch = new_batch()
    (first,) = add(batch, {"custom_id": "a"})
    again, other = add(batch, {"custom_id": "a"}, {"custom_id": "a", "label": "x"})
    assert again["job"]["id"] == first["job"]["id"]
    assert (other["status"], other["problem"]["type"]) == (422, "urn:mosaic:problem:idempotency_key_reused")
    assert [error["pointer"] for error in other["problem"]["errors"]] == ["/custom_id"]
    assert show(batch)["jobs"] == 1


def test_an_item_that_is_added_again_is_the_same_job_though_its_engine_be_served_no_more(
    parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, asked = new_batch(), {"custom_id": "a", "engine": "visqol"}
    (first,) = add(batch, asked)
    monkeypatch.setattr(service_module, "_made", [serving_only(parts, "polqa-3")])
    again, other = add(batch, asked, {**asked, "custom_id": "b"})
    assert (again["status"], again["job"]["id"], other["status"]) == (201, first["job"]["id"], 422)
    assert [one["status"] for one in add(batch, asked, {**asked, "custom_id": "b"}, validate_only="true")] == [200, 422]


def test_an_item_that_would_be_refused_holds_no_custom_id(parts: Service) -> None:
    items = [{"custom_id": "a", "mode": "fb"}, {"custom_id": "a"}]
    batch = new_batch()
    assert [one["status"] for one in add(batch, *items, validate_only="true")] == [422, 200]
    assert [one["status"] for one in add(batch, *items)] == [422, 201]


@pytest.mark.parametrize("start", "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
def test_a_custom_id_that_spreadsheets_take_for_a_formula_is_refused_and_never_changed(start: str) -> None:
    (refused,) = add(new_batch(), {"custom_id": f"{start}1"})
    assert (refused["status"], refused["custom_id"]) == (422, f"{start}1")
    (error,) = refused["problem"]["errors"]
    assert error["pointer"] == "/custom_id"
    assert "formula" in error["detail"]


def test_the_same_custom_id_in_another_batch_is_another_job(parts: Service) -> None:
    ids = {add(new_batch(), {"custom_id": "a"})[0]["job"]["id"] for _ in range(2)}
    assert len(ids) == 2


def test_to_validate_only_adds_nothing(parts: Service) -> None:
    batch = new_batch()
    before = count_items(parts)
    good, bad = add(batch, {"custom_id": "a"}, {"custom_id": "b", "mode": "fb"}, validate_only="true")
    assert (good["status"], good["job"], bad["status"]) == (200, None, 422)
    assert count_items(parts) == before


def test_to_validate_only_meets_what_was_added_and_what_is_in_the_same_call(parts: Service) -> None:
    batch = new_batch()
    add(batch, {"custom_id": "a", "label": "x"})
    validated = add(
        batch,
        {"custom_id": "a", "label": "x"},
        {"custom_id": "a", "label": "y"},
        {"custom_id": "b", "label": "x"},
        {"custom_id": "b", "label": "x"},
        {"custom_id": "b", "label": "y"},
        validate_only="true",
    )
    assert [one["status"] for one in validated] == [200, 422, 200, 200, 422]
    for one in (validated[1], validated[4]):
        assert one["problem"]["type"] == "urn:mosaic:problem:idempotency_key_reused"
        assert "custom_id" in one["problem"]["detail"]


def test_a_job_of_a_batch_names_it_and_goes_with_it(parts: Service) -> None:
    batch = new_batch()
    job = add(batch, {"custom_id": "a"})[0]["job"]
    assert (job["batch"], job["custom_id"]) == (batch, "a")
    ended = bring(parts, job["id"], State.SUCCEEDED)
    assert ended.expires_at  # which is the latest that it may be, and moves as the batch ends
    assert request("GET", f"/v1/jobs/{ended.id}").body["expires_at"] is None
    (listed,) = cast(Items, request("GET", "/v1/jobs", query={"batch": batch}).body["jobs"])
    assert listed["expires_at"] is None


def test_too_many_items_in_a_call_are_refused_whole(parts: Service) -> None:
    batch = new_batch()
    items = [{"custom_id": str(number)} for number in range(101)]
    assert request("POST", f"/v1/batches/{batch}/jobs", {"jobs": items}).status == 422
    assert request("POST", f"/v1/batches/{batch}/jobs", {"jobs": []}).status == 422
    assert show(batch)["jobs"] == 0


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "", None),
        ("POST", "/jobs", {"jobs": [{"custom_id": "a"}]}),
        ("POST", "/start", None),
        ("GET", "/results", None),
    ],
)
def test_anothers_batch_looks_exactly_like_one_that_never_was(
    method: str, tail: str, body: object, parts: Service
) -> None:
    theirs, never = new_batch(GLOBEX), secrets.token_hex(16)
    answer, wanted = (request(method, f"/v1/batches/{batch}{tail}", body) for batch in (theirs, never))
    assert (answer.status, answer.headers) == (wanted.status, wanted.headers)
    assert answer.status == 404
    assert str(answer.body).replace(theirs, "ID") == str(wanted.body).replace(never, "ID")


def test_what_is_uploaded_starts_with_the_batch_in_the_bulk_lane(parts: Service) -> None:
    batch = new_batch()
    uploaded, missing = (one["job"]["id"] for one in add(batch, {"custom_id": "a"}, {"custom_id": "b"}))
    upload_both(parts, uploaded)
    deliver(told(upload_key(uploaded, Role.REFERENCE), upload_key(uploaded, Role.DEGRADED)))
    assert parts.jobs.get(uploaded).state is State.AWAITING_UPLOAD
    assert start(batch).status == 202
    work_off(parts)
    assert parts.jobs.get(uploaded).state is State.QUEUED
    assert parts.jobs.get(missing).state is State.AWAITING_UPLOAD
    (message,) = all_messages(parts)
    assert uploaded in message.body
    assert parts.jobs.get(uploaded).lane == "bulk"


def test_what_is_uploaded_after_the_batch_was_started_starts_by_itself(parts: Service) -> None:
    batch = new_batch()
    job_id = add(batch, {"custom_id": "a"})[0]["job"]["id"]
    start(batch)
    work_off(parts)
    upload_both(parts, job_id)
    deliver(told(upload_key(job_id, Role.DEGRADED)))
    assert parts.jobs.get(job_id).state is State.QUEUED


def test_a_start_call_for_one_job_of_a_batch_waits_for_the_batch(parts: Service) -> None:
    batch = new_batch()
    (item,) = add(batch, {"custom_id": "a"})
    job_id = item["job"]["id"]
    upload_both(parts, job_id)
    early = start_job(job_id)
    assert (early.status, early.body["type"]) == (409, "urn:mosaic:problem:batch_not_started")
    assert early.body["batch"] == batch
    assert parts.jobs.get(job_id).state is State.AWAITING_UPLOAD
    start(batch)
    assert start_job(job_id).status == 202
    assert parts.jobs.get(job_id).state is State.QUEUED


def test_a_batch_is_worked_off_page_by_page(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_starter, "PAGE", 2)
    batch = new_batch()
    jobs = [one["job"]["id"] for one in add(batch, *({"custom_id": str(number)} for number in range(7)))]
    for job_id in jobs:
        upload_both(parts, job_id)
    start(batch)
    work_off(parts)
    assert show(batch)["counts"]["queued"] == 7


def test_nothing_is_added_once_it_is_started_and_to_start_twice_is_to_start_once(parts: Service) -> None:
    batch = new_batch()
    add(batch, {"custom_id": "a"})
    assert start(batch).status == 202
    first = show(batch)
    assert start(batch).status == 202
    assert show(batch) == first
    refused = request("POST", f"/v1/batches/{batch}/jobs", {"jobs": [{"custom_id": "b"}]})
    assert (refused.status, refused.body["state"]) == (409, "started")


def test_a_jobs_list_knows_its_batch(parts: Service) -> None:
    batch = new_batch()
    create()
    jobs = {one["job"]["id"] for one in add(batch, {"custom_id": "a"}, {"custom_id": "b"})}
    listed = cast(Items, request("GET", "/v1/jobs", query={"batch": batch}).body["jobs"])
    assert {job["id"] for job in listed} == jobs
    assert {job["custom_id"] for job in listed} == {"a", "b"}


def test_a_batch_is_read_by_one_query_however_many_jobs_it_has(parts: Service) -> None:
    batch = new_batch()
    add(batch, *({"custom_id": str(number)} for number in range(4)))
    with calls(parts.dynamodb, "Query") as queries, calls(parts.dynamodb, "GetItem") as reads:
        show(batch)
    assert (len(queries), len(reads) <= 4) == (1, True)


def test_a_list_of_anothers_batch_is_empty(parts: Service) -> None:
    batch = new_batch()
    add(batch, {"custom_id": "a"})
    answer = request("GET", "/v1/jobs", query={"batch": batch}, key_id=GLOBEX)
    assert (answer.status, answer.body) == (200, {"jobs": [], "next_cursor": None})
