"""Moments as they are written: understood as UTC, or refused with a reason."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ops.moments import ago, moment, shown

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90m", "2026-11-22 07:00"),
        ("6h", "2026-11-22 02:30"),
        ("3d", "2026-11-19 08:30"),
        ("0m", "2026-11-22 08:30"),
        ("2026-11-22T08:00Z", "2026-11-22 08:00"),
        ("2026-11-22T08:00", "2026-11-22 08:00"),
        ("2026-11-22T08:00+02:00", "2026-11-22 06:00"),
        ("2026-11-20", "2026-11-20 00:00"),
    ],
)
def test_what_can_be_written(text: str, at: str) -> None:
    assert shown(moment(text, NOW)) == at


@pytest.mark.parametrize("text", ["", "yesterday", "6", "6 h", "-6h", "1.5h", "٣h", "2026-13-01", "6hours"])
def test_what_is_no_moment_is_told_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="Write 90m, 6h or 3d for so long ago"):
        moment(text, NOW)


def test_what_lies_ahead_has_not_failed_yet() -> None:
    with pytest.raises(ValueError, match="lies ahead"):
        moment("2026-11-22T08:31Z", NOW)


@given(st.text() | st.from_regex(r"[0-9]{1,8}[mhd]", fullmatch=True))
def test_whatever_is_written_has_passed_or_is_refused(text: str) -> None:
    with suppress(ValueError):
        assert moment(text, NOW) <= NOW


@given(st.datetimes(max_value=datetime(2026, 11, 20), timezones=st.timezones()))  # noqa: DTZ001 - a bound has no zone
def test_every_moment_can_be_written_in_any_zone(at: datetime) -> None:
    assert moment(at.isoformat(), NOW) == at.timestamp()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s ago"), (59, "59 s ago"), (60, "1 minute ago"), (7300, "2 hours ago"), (90_000, "1 day ago")],
)
def test_how_long_ago_is_told_in_the_largest_unit(seconds: int, words: str) -> None:
    assert ago(NOW - seconds, NOW) == words
