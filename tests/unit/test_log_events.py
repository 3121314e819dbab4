"""Log events: batches keep the quotas of CloudWatch Logs, and a stream's name is one that it takes."""

from __future__ import annotations

import re
from itertools import pairwise

import botocore.loaders
from hypothesis import given
from hypothesis import strategies as st

from tests.stand_ins.cloudwatch_logs import DAY_MS
from worker.log_events import LogEvent, first_batch, stream_name

STREAM = "host-a/2026-09-21T14-13-20Z"


def in_batches(events: list[LogEvent]) -> list[list[LogEvent]]:
    batches = []
    while events:
        batches.append(batch := first_batch(events))
        events = events[len(batch) :]
    return batches


_times = st.integers(0, 3 * DAY_MS)
_lines = st.one_of(st.text(max_size=50), st.integers(1, 400_000).map(lambda size: "ä" * (size // 2) + "x"))


@given(st.lists(st.builds(LogEvent.of, _times, _lines), max_size=60))
def test_batches_hold_every_event_once_in_order_and_each_keeps_the_quotas(events: list[LogEvent]) -> None:
    batches = in_batches(events)
    assert [event for batch in batches for event in batch] == events
    for batch in batches:
        assert 0 < sum(len(event.line.encode()) + 26 for event in batch) <= 1_048_576
        times = [event.at for event in batch]
        assert max(times) - min(times) <= 24 * 60 * 60 * 1000


@given(st.lists(st.builds(LogEvent.of, _times, _lines), min_size=1, max_size=60))
def test_a_batch_ends_only_where_one_event_more_would_break_a_quota(events: list[LogEvent]) -> None:
    batches = in_batches(events)
    for batch, following in pairwise(batches):
        more = [*batch, following[0]]
        times = [event.at for event in more]
        assert sum(len(event.line.encode()) + 26 for event in more) > 1_048_576 or max(times) - min(times) > DAY_MS


def test_no_batch_has_more_than_10_000_events() -> None:
    assert [len(batch) for batch in in_batches([LogEvent.of(0, "x")] * 25_000)] == [10_000, 10_000, 5_000]


@given(st.text(min_size=1))
def test_a_line_counts_for_its_bytes_in_utf_8_and_26_more(line: str) -> None:
    event = LogEvent.of(0, line)
    assert event.bytes == len(event.line.encode()) + 26
    assert event.line == line


def test_a_line_that_is_too_long_for_an_event_is_cut_between_characters() -> None:
    event = LogEvent.of(0, "€" * 100_000)
    assert 262_144 - 3 < len(event.line.encode()) + 26 <= 262_144
    assert set(event.line) == {"€"}


_MODEL = botocore.loaders.create_loader().load_service_model("logs", "service-2")


@given(st.text(min_size=1).map(lambda text: text * (1 + len(text) * 60)), st.floats(0, 4e9))
def test_a_stream_s_name_is_one_that_cloudwatch_takes(host: str, started: float) -> None:
    model = _MODEL["shapes"]["LogStreamName"]
    name = stream_name(host, started)
    assert re.fullmatch(model["pattern"], name, re.DOTALL)
    assert model["min"] <= len(name) <= model["max"]


def test_a_stream_is_named_after_its_host_and_start() -> None:
    assert stream_name("host-a", 1_790_000_000) == STREAM
