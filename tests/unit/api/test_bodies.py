"""Whatever a body holds, it is refused, or can be said again in an answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import bodies
from api.json_text import text
from api.problems import Problem
from api.service import Service
from tests.requests import request
from tests.unit.api.test_batches import add, new_batch, show

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # halves of surrogate pairs too
ANY_JSON = st.recursive(
    ANY_TEXT | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)
)
HALVES = ("\ud800", "\udfff", "a\udc00b", "\udc00\ud800")


@given(st.dictionaries(ANY_TEXT, ANY_JSON), st.booleans())
def test_what_is_let_in_can_be_sent_back_and_only_what_cannot_is_refused(
    document: dict[str, object], escaped: bool
) -> None:
    body = json.dumps(document, ensure_ascii=escaped)
    if any("\ud800" <= letter <= "\udfff" for letter in json.dumps(document, ensure_ascii=False)):
        with pytest.raises(Problem, match="surrogate"):
            bodies.parse(body)
    else:
        assert json.loads(text(bodies.parse(body)).encode()) == document


@pytest.mark.parametrize("half", HALVES)
def test_half_a_surrogate_pair_is_refused_whole_and_says_why(half: str, parts: Service) -> None:
    batch = new_batch()
    answer = request("POST", f"/v1/batches/{batch}/jobs", {"jobs": [{"custom_id": "a"}, {"custom_id": half}]})
    assert (answer.status, answer.body["type"]) == (400, "urn:mosaic:problem:malformed_json")
    assert "surrogate" in str(answer.body["detail"])
    assert show(batch)["jobs"] == 0


def test_both_halves_are_a_character_like_any_other(parts: Service) -> None:
    (item,) = add(new_batch(), {"custom_id": "\N{GRINNING FACE}"})
    assert (item["status"], item["custom_id"]) == (201, "\N{GRINNING FACE}")
