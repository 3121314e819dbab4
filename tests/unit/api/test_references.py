"""Stored references: asked for, shown and listed, each tenant's own."""

from __future__ import annotations

import time

import pytest

from api.documents import UploadPolicy
from api.service import Service
from tests.requests import request
from tests.unit.api.reference_steps import (
    DAY,
    NEVER,
    age,
    ask,
    delete,
    document,
    fresh,
    item,
    keep,
    lies_there,
    sha_of,
    show,
    stamp,
)
from tests.unit.api.steps import GLOBEX, calls, conditions, count_items


def policy_of(sha256: str, bytes_: int | None = None) -> UploadPolicy:
    answer = ask(sha256, bytes_=bytes_)
    assert answer.status == 201
    return UploadPolicy.model_validate(answer.body["upload"])


def test_what_is_not_stored_gets_a_policy_that_pins_its_hash() -> None:
    content = fresh()
    exact, ranges = conditions(policy_of(sha_of(content), len(content)))
    assert exact["key"] == f"references/acme/{sha_of(content)}.wav"
    assert exact["Content-Type"] == "audio/wav"
    assert exact["x-amz-checksum-algorithm"] == "SHA256"
    assert exact["x-amz-checksum-sha256"]
    assert ranges["content-length-range"] == (len(content), len(content))
    assert conditions(policy_of(sha_of(content)))[1]["content-length-range"] == (1, 64 * 1024 * 1024)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/sha256"),
        ({"sha256": None}, "/sha256"),
        ({"sha256": "A" * 64}, "/sha256"),
        ({"sha256": NEVER, "bytes": 0}, "/bytes"),
        ({"sha256": NEVER, "bytes": 64 * 1024 * 1024 + 1}, "/bytes"),
        ({"sha256": NEVER, "label": "x" * 201}, "/label"),
        ({"sha256": NEVER, "tenant": "globex"}, "/tenant"),
    ],
)
def test_a_body_that_breaks_the_schema_is_pointed_at_and_nothing_is_written(
    body: object, pointer: str, parts: Service
) -> None:
    before = count_items(parts)
    answer = request("POST", "/v1/references", body)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]  # type: ignore[attr-defined]
    assert count_items(parts) == before


def test_what_is_stored_already_is_answered_and_its_life_moved_ahead(parts: Service) -> None:
    sha256 = keep(parts, fresh(), label="first")
    age(parts, sha256, expires_at=int(time.time()) + 60)
    answer = ask(sha256, label="second")
    assert answer.status == 200
    assert document(answer).label == "second"
    assert document(ask(sha256)).label == "second"
    assert stamp(document(show(sha256)).expires_at) == pytest.approx(time.time() + 30 * DAY, abs=30)


def test_references_are_listed_page_by_page_each_once(parts: Service) -> None:
    key_id, tenant = "key-of-lists", "lists"
    parts.dynamodb.put_item(
        TableName=parts.table.name,
        Item={"pk": {"S": f"KEY#{key_id}"}, "sk": {"S": "KEY"}, "tenant": {"S": tenant}},
    )
    kept = {keep(parts, fresh(), tenant=tenant, key_id=key_id) for _ in range(5)}
    ask(NEVER, key_id=key_id)  # asked for, not stored
    ask(min(kept), key_id=key_id, check=True)
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    for _ in range(4):
        answer = request("GET", "/v1/references", key_id=key_id, query=query)
        assert answer.status == 200
        page = answer.body["references"]
        assert isinstance(page, list)
        assert len(page) <= 2
        seen += [found["sha256"] for found in page]
        if answer.body["next_cursor"] is None:
            break
        query["cursor"] = str(answer.body["next_cursor"])
    assert (sorted(seen), answer.body["next_cursor"]) == (sorted(kept), None)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"cursor": "x"}, {"cursor": NEVER + "\n"}])
def test_a_page_that_cannot_be_is_pointed_at(query: dict[str, str]) -> None:
    answer = request("GET", "/v1/references", query=query)
    assert answer.status == 422
    assert answer.body["errors"][0]["pointer"] == f"/query/{next(iter(query))}"  # type: ignore[index]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_anothers_reference_looks_exactly_like_one_that_never_was(method: str, parts: Service) -> None:
    content = fresh()
    theirs = keep(parts, content, tenant="globex", key_id=GLOBEX)
    before = item(parts, theirs, "globex")
    answer = request(method, f"/v1/references/{theirs}")
    wanted = request(method, f"/v1/references/{NEVER}")
    assert (answer.status, answer.headers) == (wanted.status, wanted.headers)
    assert answer.status == 404
    assert str(answer.body).replace(theirs, NEVER) == str(wanted.body)
    assert item(parts, theirs, "globex") == before
    assert lies_there(parts, theirs, "globex")
    assert theirs not in str(request("GET", "/v1/references", query={"limit": "100"}).body)


def test_the_same_file_of_two_tenants_is_two_references(parts: Service) -> None:
    content = fresh()
    keep(parts, content, tenant="globex", key_id=GLOBEX)
    assert ask(sha_of(content)).status == 201
    keep(parts, content)
    assert delete(sha_of(content)).status == 204
    assert show(sha_of(content), key_id=GLOBEX).status == 200
    assert lies_there(parts, sha_of(content), "globex")


@pytest.mark.parametrize("sha256", ["x", "0" * 63, "A" * 64, "x" * 3000, "..%2f", "0" * 64 + "%0A"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_no_hash_is_404_and_the_table_is_not_asked(method: str, sha256: str, parts: Service) -> None:
    show(NEVER)  # the tenant is known from here on
    with calls(parts.dynamodb, "GetItem") as reads, calls(parts.dynamodb, "DeleteItem") as deletes:
        answer = request(method, f"/v1/references/{sha256}")
    assert (answer.status, answer.body["type"]) == (404, "urn:mosaic:problem:unknown_reference")
    assert reads == deletes == []


@pytest.mark.parametrize("call", ["GET", "POST", "GET /x", "DELETE /x"])
def test_a_key_of_nobody_is_refused_everywhere(call: str, parts: Service) -> None:
    method, _, tail = call.partition(" ")
    before = count_items(parts)
    body = {"sha256": NEVER} if method == "POST" else None
    path = "/v1/references" + tail.replace("x", NEVER)
    assert request(method, path, body, key_id="key-of-nobody").status == 403
    assert count_items(parts) == before
