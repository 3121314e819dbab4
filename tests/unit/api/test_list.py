"""`GET /v1/jobs`: the caller's own, newest first, in pages that lose and repeat nothing."""

from __future__ import annotations

import base64
import secrets
from typing import Any, cast

import pytest

from api import listing
from api.service import Service
from shared.states import State
from tests.requests import Answer, request
from tests.unit.api.steps import GLOBEX, bring, calls, create


def listed(key_id: str | None = None, **query: str) -> Answer:
    answer = request("GET", "/v1/jobs", query=query, **({"key_id": key_id} if key_id else {}))  # type: ignore[arg-type]
    assert answer.status == 200, answer.body
    return answer


def ids(answer: Answer) -> list[str]:
    jobs = answer.body["jobs"]
    assert isinstance(jobs, list)
    return [job["id"] for job in jobs]


def pages(limit: int, **query: str) -> list[list[str]]:
    found: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = listed(limit=str(limit), **cursor, **query)
        found.append(ids(page))
        following = page.body["next_cursor"]
        if following is None:
            return found
        cursor = {"cursor": str(following)}


def test_the_newest_comes_first_and_anothers_never(parts: Service) -> None:
    label = secrets.token_hex(4)
    mine = [create({"label": label}).id for _ in range(3)]
    create({"label": label}, key_id=GLOBEX)
    assert ids(listed(label=label)) == mine[::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_lose_and_repeat_nothing(limit: int, parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "READ_AT_ONCE", 3)
    label = secrets.token_hex(4)
    mine = [create({"label": label}).id for _ in range(7)]
    found = pages(limit, label=label)
    assert [job for page in found for job in page] == mine[::-1]
    assert all(len(page) <= limit for page in found)


def test_a_page_that_is_not_searched_for_reads_no_more_than_it_shows(parts: Service) -> None:
    for _ in range(3):
        create()
    with calls(parts.dynamodb, "Query") as queries:
        assert len(ids(listed(limit="2"))) == 2
    assert [query["Limit"] for query in queries] == [2]


def test_a_search_that_finds_little_ends_its_page_and_goes_on_in_the_next(
    parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "READ_AT_ONCE", 1)
    monkeypatch.setattr(listing, "QUERIES", 2)
    label = secrets.token_hex(4)
    wanted = create({"label": label}).id
    for _ in range(5):
        create()
    found = pages(10, label=label)
    assert len(found) > 1
    assert [job for page in found for job in page] == [wanted]


def test_by_state(parts: Service) -> None:
    label = secrets.token_hex(4)
    jobs = {state: create({"label": label}).id for state in State}
    for state, job_id in jobs.items():
        bring(parts, job_id, state)
    for state, job_id in jobs.items():
        assert ids(listed(state=state, label=label)) == [job_id]


def test_a_list_tells_scores_and_errors(parts: Service) -> None:
    label = secrets.token_hex(4)
    bring(parts, create({"label": label}).id, State.FAILED)
    bring(parts, create({"label": label}).id, State.SUCCEEDED)
    succeeded, failed = cast(list[dict[str, Any]], listed(label=label).body["jobs"])
    assert (succeeded["mos_lqo"], succeeded["error"]) == (3.31, None)
    assert (failed["mos_lqo"], failed["error"]["code"]) == (None, "attempts_exhausted")


@pytest.mark.parametrize("cursor", ["", "x", "§", base64.urlsafe_b64encode(b'{"id": "x"}').decode(), "e30="])
def test_a_cursor_that_was_never_given_is_refused(cursor: str, parts: Service) -> None:
    answer = request("GET", "/v1/jobs", query={"cursor": cursor})
    assert answer.status == 422
    assert "cursor" in str(answer.body["errors"])


def test_anothers_cursor_shows_nothing_of_theirs(parts: Service) -> None:
    label = secrets.token_hex(4)
    for _ in range(3):
        create({"label": label}, key_id=GLOBEX)
    theirs = listed(key_id=GLOBEX, label=label, limit="1").body["next_cursor"]
    assert ids(listed(label=label, cursor=str(theirs))) == []


@pytest.mark.parametrize(
    "query", [{"state": "ready"}, {"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"batch": "../x"}]
)
def test_what_no_list_takes_is_refused(query: dict[str, str], parts: Service) -> None:
    assert request("GET", "/v1/jobs", query=query).status == 422


def test_a_filter_that_there_is_not_is_refused_and_named() -> None:
    answer = request("GET", "/v1/jobs", query={"lable": "x", "limit": "1"})
    assert answer.status == 422
    assert answer.body["errors"] == [{"pointer": "/query/lable", "detail": "This call has no such parameter."}]


def test_what_is_unknown_and_what_is_wrong_are_told_together() -> None:
    answer = request("GET", "/v1/jobs", query={"lable": "x", "limit": "0"})
    errors = cast("list[dict[str, str]]", answer.body["errors"])
    assert [error["pointer"] for error in errors] == ["/query/limit", "/query/lable"]


def test_a_cursor_of_nobodys_making_is_refused_whatever_the_batch() -> None:
    assert request("GET", "/v1/jobs", query={"batch": "0" * 32, "cursor": "made up"}).status == 422
