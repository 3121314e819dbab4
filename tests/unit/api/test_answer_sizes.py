"""No refusal outgrows what a function may answer, whatever was sent: 6 MB (Lambda Developer Guide, "Quotas")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import pytest

from api import bodies
from api.batch_documents import MOST_ITEMS
from tests.requests import request

LONG = "x" * 1_900_000
MANY = {f"field {number}": number for number in range(100_000)}
MOST_BYTES = 100_000
LAMBDA_BYTES = 6 * 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        {"engine": LONG},
        {"mode": LONG},
        {"label": LONG},
        {LONG: 1},
        {"metadata": {LONG: "x"}},
        {"metadata": {"x": {LONG: LONG}}},
        {"prepare": {"degraded": {"channel": LONG}}},
        MANY,
        {"prepare": {"degraded": MANY}},
    ],
    ids=lambda body: "/".join(str(name)[:20] for name in list(body)[:2]),
)
def test_what_was_sent_does_not_come_back_whole(body: Mapping[str, object]) -> None:
    answer = request("POST", "/v1/jobs", body)
    assert answer.status == 422
    assert answer.body["errors"]
    assert len(json.dumps(answer.body)) < MOST_BYTES


def test_nor_does_it_for_a_hundred_items_of_a_batch() -> None:
    batch = str(request("POST", "/v1/batches", {}).body["id"])
    wrong = [{"custom_id": "x" * 10_000, "y" * 10_000: 1, **dict.fromkeys(map(str, range(500)))} for _ in range(100)]
    answer = request("POST", f"/v1/batches/{batch}/jobs", {"jobs": wrong})
    assert answer.status == 200
    assert len(json.dumps(answer.body)) < 1_000_000


def test_nor_does_it_for_a_path() -> None:
    assert len(str(request("GET", f"/v1/{LONG}").body)) < 1000


def test_a_cut_pointer_shows_that_it_is_cut() -> None:
    errors = request("POST", "/v1/jobs", {LONG: 1}).body["errors"]
    assert isinstance(errors, list)
    assert errors[0]["pointer"].startswith("/xxx")
    assert errors[0]["pointer"].endswith("…")


@pytest.mark.parametrize("character", ["x", "é", "音", "🎧", '"', "\x01"])
def test_an_answer_to_a_hundred_full_items_is_within_what_a_function_may_answer(character: str) -> None:
    batch = str(request("POST", "/v1/batches", {}).body["id"])
    metadata = {f"{n:02}" + character * 62: character * 512 for n in range(16)}
    item = {"custom_id": "i" + character * 127, "label": character * 200, "metadata": metadata}
    raw = json.dumps({"jobs": [item]}, ensure_ascii=False)
    answer = request("POST", f"/v1/batches/{batch}/jobs", raw=raw)
    assert [one["status"] for one in cast(list[dict[str, int]], answer.body["jobs"])] == [201]
    as_many_as_get_in = min(MOST_ITEMS, bodies.MOST_BYTES // len(raw.encode()))
    assert len(answer.sent.encode()) * as_many_as_get_in < LAMBDA_BYTES


def test_a_body_of_more_than_4_mib_is_told_so() -> None:
    answer = request("POST", "/v1/jobs", {"label": LONG * 3})
    assert answer.status == 413
    assert "4,194,304" in str(answer.body["detail"])
