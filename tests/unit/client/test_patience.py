"""`Retry-After`: seconds or a date, and whatever else a header may hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mosaic.patience import MIN_PAUSE_SECONDS, retry_after


@pytest.mark.parametrize(
    ("value", "seconds"), [("3", 3), ("0.5", 0.5), (" 60 ", 60), ("0", MIN_PAUSE_SECONDS), ("-5", MIN_PAUSE_SECONDS)]
)
def test_seconds_are_taken(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_a_date_is_seconds_from_now() -> None:
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": value}) == pytest.approx(90, abs=5)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-inf"])
def test_anything_else_says_nothing(value: str) -> None:
    assert retry_after({"retry-after": value}) is None
    assert retry_after({}) is None


@given(st.text() | st.floats().map(str) | st.datetimes().map(format_datetime))
def test_no_header_makes_a_busy_loop_or_an_error(value: str) -> None:
    seconds = retry_after({"retry-after": value})
    assert seconds is None or MIN_PAUSE_SECONDS <= seconds <= 86_400
