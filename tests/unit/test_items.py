"""Between JSON values and DynamoDB's attribute values: what goes in comes back, and what cannot go in is refused."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared import items

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb import DynamoDBClient

# A number has up to 38 digits and is 0, or from 1e-130 to below 1e126 (DynamoDB, "Data types": Number).
LARGEST, SMALLEST = 9.99e125, 1e-130
integers = st.integers(-(10**38) + 1, 10**38 - 1)
floats = st.floats(-LARGEST, LARGEST).filter(lambda number: number == 0 or abs(number) >= SMALLEST)
values = st.recursive(
    st.none() | st.booleans() | integers | floats | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(min_size=1), values, max_size=5)


def same(one: object, other: object) -> bool:
    """Whether two JSON values say the same. JSON has one kind of number: 1e25 and its integer are the same."""
    if isinstance(one, bool) or isinstance(other, bool) or not isinstance(one, int | float | list | dict):
        return type(one) is type(other) and one == other
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    assert isinstance(other, int | float)
    return one == other or float(one) == float(other)


@given(objects)
@example({"a": 0.1, "b": [LARGEST, -LARGEST, SMALLEST, -0.0, 1e25], "c": {"d": 10**38 - 1}})
@example({"empty": "", "list": [], "map": {}, "none": [None]})
def test_what_is_packed_is_unpacked(item: dict[str, JsonValue]) -> None:
    back = items.unpack(items.pack(item))
    assert same(back, {name: value for name, value in item.items() if value is not None})
    json.dumps(back)  # plain JSON values


@given(integers)
def test_an_integer_stays_the_very_same_integer(number: int) -> None:
    back = items.unpack(items.pack({"n": number}))["n"]
    assert (type(back), back) == (int, number)


@given(floats.filter(lambda number: not number.is_integer()))
def test_a_float_stays_the_very_same_float(number: float) -> None:
    back = items.unpack(items.pack({"n": number}))["n"]
    assert (type(back), back) == (float, number)


@pytest.mark.parametrize("flag", [True, False])
def test_a_truth_value_is_no_number(flag: bool) -> None:
    assert items.unpack(items.pack({"flag": flag, "flags": [flag]})) == {"flag": flag, "flags": [flag]}
    assert items.pack({"flag": flag}) == {"flag": {"BOOL": flag}}


def test_nothing_at_the_top_is_left_out_and_kept_below() -> None:
    assert items.pack({"a": None, "b": {"c": None}}) == {"b": {"M": {"c": {"NULL": True}}}}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises((TypeError, ValueError)):
        items.pack({"audio": {"noise_dbov": number}})


@pytest.mark.parametrize("number", [1e300, -1e300, 5e-324, 10**38 + 1])
def test_a_number_beyond_dynamodbs_is_refused_and_never_rounded(number: float) -> None:
    with pytest.raises(ArithmeticError):
        items.pack({"n": [number]})


def test_the_table_gives_back_what_was_put(dynamodb: DynamoDBClient) -> None:
    item: dict[str, JsonValue] = {
        "pk": "ITEMS",
        "sk": "TEST",
        "numbers": [0.1, -26.1, 1e25, LARGEST, SMALLEST, -SMALLEST, 10**38 - 1, 1 / 3, 0, -0.0],
        "text": "ä✓😀\n",
        "deep": {"flag": False, "nothing": None, "empty": {"text": "", "list": [], "map": {}}},
    }
    dynamodb.put_item(TableName="jobs", Item=items.pack(item))
    key = items.pack({"pk": "ITEMS", "sk": "TEST"})
    assert same(items.unpack(dynamodb.get_item(TableName="jobs", Key=key)["Item"]), item)
