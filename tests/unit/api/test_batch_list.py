"""`GET /v1/batches`: the caller's own, newest first, in pages that lose and repeat nothing."""

from __future__ import annotations

import secrets
from typing import Any, cast

import pytest

from api import listing
from api.batch_documents import batch_summary
from api.service import Service
from shared.batches import batch_key
from shared.resources import JOBS_TABLE
from tests.requests import Answer, request
from tests.unit.api.steps import GLOBEX, calls, create
from tests.unit.api.test_batches import show, start, work_off


@pytest.fixture
def label() -> str:
    return secrets.token_hex(4)


def made(label: str, **who: str) -> str:
    return str(request("POST", "/v1/batches", {"label": label}, **who).body["id"])  # type: ignore[arg-type]


def listed(**query: str) -> Answer:
    answer = request("GET", "/v1/batches", query=query)
    assert answer.status == 200, answer.body
    return answer


def ids(answer: Answer) -> list[str]:
    return [batch["id"] for batch in cast("list[dict[str, Any]]", answer.body["batches"])]


def test_the_newest_comes_first_and_anothers_never(label: str) -> None:
    mine = [made(label) for _ in range(3)]
    made(label, key_id=GLOBEX)
    assert ids(listed(label=label)) == mine[::-1]


def test_a_list_shows_a_batch_as_it_is_shown_alone(label: str) -> None:
    batch = made(label)
    (shown,) = cast("list[dict[str, Any]]", listed(label=label).body["batches"])
    alone = show(batch)
    assert shown == {name: alone[name] for name in shown}


def test_what_the_list_shows_is_what_the_index_holds(parts: Service, label: str) -> None:
    [by_tenant] = [index for index in JOBS_TABLE.indexes if index.name == "by_tenant"]
    whole = parts.table.read(batch_key(made(label))) or {}
    held = {name: whole[name] for name in ("pk", *by_tenant.attributes) if name in whole}
    assert batch_summary(held) == batch_summary(whole)


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_lose_and_repeat_nothing(limit: int, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "READ_AT_ONCE", 3)
    mine = [made(label) for _ in range(7)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = listed(label=label, limit=str(limit), **cursor)
        assert len(ids(page)) <= limit
        found += ids(page)
        if page.body["next_cursor"] is None:
            break
        cursor = {"cursor": str(page.body["next_cursor"])}
    assert found == mine[::-1]


def test_by_state(parts: Service, label: str) -> None:
    opened, ended = made(label), made(label)
    start(ended)
    started = made(label)
    request("POST", f"/v1/batches/{started}/jobs", {"jobs": [{"custom_id": "a"}]})
    start(started)
    work_off(parts)
    for state, batch in (("open", opened), ("started", started), ("ended", ended)):
        assert ids(listed(label=label, state=state)) == [batch]


def test_one_that_is_deleted_is_in_no_list(label: str) -> None:
    gone, kept = made(label), made(label)
    assert request("DELETE", f"/v1/batches/{gone}").status == 204
    assert ids(listed(label=label)) == [kept]


def test_jobs_and_batches_are_in_lists_of_their_own(label: str) -> None:
    batch = made(label)
    job = create({"label": label}).id
    assert ids(listed(label=label)) == [batch]
    jobs = cast("list[dict[str, Any]]", request("GET", "/v1/jobs", query={"label": label}).body["jobs"])
    assert [one["id"] for one in jobs] == [job]


def test_a_page_that_is_not_searched_for_reads_no_more_than_it_shows(parts: Service, label: str) -> None:
    for _ in range(3):
        create()
        made(label)
    with calls(parts.dynamodb, "Query") as queries:
        assert len(ids(listed(limit="2"))) == 2
    assert [query["Limit"] for query in queries] == [2]


@pytest.mark.parametrize(("one", "other"), [("jobs", "batches"), ("batches", "jobs")])
def test_a_cursor_of_the_other_list_is_refused(one: str, other: str, label: str) -> None:
    for _ in range(2):
        create()
        made(label)
    cursor = str(request("GET", f"/v1/{one}", query={"limit": "1"}).body["next_cursor"])
    answer = request("GET", f"/v1/{other}", query={"cursor": cursor})
    assert answer.status == 422
    assert "cursor" in str(answer.body["errors"])


@pytest.mark.parametrize("query", [{"state": "queued"}, {"limit": "0"}, {"cursor": "x"}, {"batch": "0" * 32}])
def test_what_no_list_takes_is_refused(query: dict[str, str]) -> None:
    assert request("GET", "/v1/batches", query=query).status == 422
