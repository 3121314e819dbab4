"""Log shipping: every line arrives once and in order, within the quotas, and nobody who logs ever waits for it."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import boto3
import psutil
import pytest
import structlog
from botocore.config import Config

from shared import logs
from tests.clock import SettableClock
from tests.stand_ins.cloudwatch_logs import Group
from worker import log_shipping as module
from worker.log_events import EVENT_OVERHEAD_BYTES
from worker.log_shipping import BUFFER_BYTES, LogShipping

STREAM = "host-a/2026-09-21T14-13-20Z"


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What standard output gets, of a process that ships what `tee` is given."""
    before = structlog.get_config()
    yield io.StringIO()
    structlog.configure(**before)


@contextmanager
def shipping(group: Group, clock: SettableClock | None = None) -> Iterator[LogShipping]:
    """One that sends to that group; stopped in the end."""
    shipped = LogShipping("group", STREAM, clock or time.time)
    shipped.start(group.client)
    try:
        yield shipped
    finally:
        shipped.stop()


def log_to(output: io.StringIO, shipped: LogShipping, monkeypatch: pytest.MonkeyPatch) -> structlog.stdlib.BoundLogger:
    logs.configure("worker", output, tee=shipped.put)
    monkeypatch.setattr(module, "log", logs.get("worker.log_shipping"))  # one that has no stream yet
    return logs.get("test")


def events(lines: list[str] | str) -> list[str]:
    return [json.loads(line)["event"] for line in (lines.splitlines() if isinstance(lines, str) else lines)]


def test_every_line_of_standard_output_arrives_once_and_in_order(
    group: Group, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shipping(group) as shipped:
        log = log_to(output, shipped, monkeypatch)
        for number in range(25_000):
            log.info("line", number=number)
    assert group.streams[STREAM] == output.getvalue().splitlines()
    assert max(group.batches) <= 10_000


def test_lines_of_many_threads_arrive_once_and_each_thread_s_in_order(group: Group) -> None:
    def put(name: str) -> None:
        for number in range(2000):
            shipped.put(f"{name} {number}")

    with shipping(group) as shipped, ThreadPoolExecutor(8) as threads:
        list(threads.map(put, "abcdefgh"))
    arrived = group.streams[STREAM]
    for name in "abcdefgh":
        assert [line for line in arrived if line[0] == name] == [f"{name} {number}" for number in range(2000)]


def test_lines_go_out_by_themselves_while_the_worker_runs(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.05)
    with shipping(group) as shipped:
        shipped.put("one")
        group.wait_for(lambda: group.streams.get(STREAM) == ["one"])
        shipped.put("two")
        group.wait_for(lambda: group.streams.get(STREAM) == ["one", "two"])


def test_a_full_batch_does_not_wait(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 3600.0)
    with shipping(group) as shipped:
        for number in range(10_000):
            shipped.put(str(number))
        group.wait_for(lambda: group.batches == [10_000])


def test_with_nothing_to_say_nothing_is_called(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.001)
    with shipping(group) as shipped:
        shipped.put("a last word")
        group.wait_for_batches(1)
        time.sleep(0.1)
    assert group.calls == ["PutLogEvents", "CreateLogStream", "PutLogEvents"]


def test_what_was_sent_makes_room(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.01)
    each = BUFFER_BYTES // 100_000 // 2
    with shipping(group) as shipped:
        for times in range(1, 6):
            for _ in range(each):
                shipped.put("x" * 100_000)
            group.wait_for_events(each * times)
    assert shipped.dropped == 0


def test_without_a_group_nothing_is_shipped_and_nothing_dropped(group: Group) -> None:
    shipped = LogShipping(None, STREAM)
    shipped.start(group.client)
    for _ in range(BUFFER_BYTES // 100_000 + 1):
        shipped.put("x" * 100_000)
    shipped.stop()
    assert (group.calls, shipped.dropped) == ([], 0)


def test_a_clock_that_is_set_back_harms_nothing(group: Group) -> None:
    clock = SettableClock()
    with shipping(group, clock) as shipped:
        for line, seconds in (("a", -3600), ("b", 30 * 86_400), ("c", -30 * 86_400), ("d", 0)):
            shipped.put(line)
            clock.move(seconds)
    assert sorted(group.streams[STREAM]) == ["a", "b", "c", "d"]


def test_a_stream_that_is_there_already_is_written_to(group: Group) -> None:
    asked: list[str] = []

    def race(call: str) -> str | None:
        asked.append(call)
        group.streams.setdefault(STREAM, [])  # another worker of that name and second was quicker
        return "ResourceNotFoundException" if asked == ["PutLogEvents"] else None

    group.fail = race
    with shipping(group) as shipped:
        shipped.put("line")
    assert group.streams[STREAM] == ["line"]


def test_a_stream_that_somebody_deleted_is_made_again(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.01)
    with shipping(group) as shipped:
        shipped.put("one")
        group.wait_for_batches(1)
        group.streams.clear()
        shipped.put("two")
    assert group.streams[STREAM] == ["two"]


# Trouble


@pytest.mark.parametrize(
    "code",
    ["ResourceNotFoundException", "AccessDeniedException", "ThrottlingException", "ServiceUnavailableException"],
)
def test_what_was_refused_for_a_while_arrives_once_it_is_taken(
    group: Group, code: str, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_WAIT_SECONDS", 0.01)
    refusing = True
    group.fail = lambda _call: code if refusing else None
    with shipping(group) as shipped:
        log = log_to(output, shipped, monkeypatch)
        log.info("one")
        group.wait_for(lambda: len(group.calls) > 3)
        log.info("two")
        refusing = False
        group.wait_for_events(2)
    assert events(group.streams[STREAM]) == ["one", "two"]


def test_trouble_is_told_on_standard_output_only_and_not_at_each_try(
    group: Group, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_WAIT_SECONDS", 0.01)
    refusing = True
    group.fail = lambda _call: "AccessDeniedException" if refusing else None
    with shipping(group) as shipped:
        log_to(output, shipped, monkeypatch).info("one")
        group.wait_for(lambda: len(group.calls) > 30)
        refusing = False
        group.wait_for_batches(1)
    assert events(output.getvalue()) == ["one", "logs_not_shipped"]
    assert "AccessDeniedException" in output.getvalue()
    assert events(group.streams[STREAM]) == ["one"]


def test_a_batch_that_is_refused_for_good_holds_up_nothing(
    group: Group, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.01)
    refusals = ["InvalidParameterException"]
    group.fail = lambda call: refusals.pop() if refusals and STREAM in group.streams else None
    with shipping(group) as shipped:
        log = log_to(output, shipped, monkeypatch)
        shipped._client.create_log_stream(logGroupName="group", logStreamName=STREAM)
        log.info("odd")
        group.wait_for(lambda: group.calls.count("PutLogEvents") == 1)
        log.info("even")
        group.wait_for_events(2)
    assert events(group.streams[STREAM]) in (["logs_dropped", "even"], ["even", "logs_dropped"])
    assert shipped.dropped == 1


def test_what_cloudwatch_rejects_of_a_batch_is_counted(group: Group) -> None:
    group.rejected = {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2, "tooNewLogEventStartIndex": 7}
    shipped = LogShipping("group", STREAM)
    for number in range(10):
        shipped.put(str(number))
    shipped.start(group.client)
    shipped.stop()
    assert shipped.dropped == 2 + 3


def test_lines_that_are_rejected_one_and_all_make_no_loop(
    group: Group, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.001)
    group.rejected = {"tooNewLogEventStartIndex": 0}  # the machine's clock is hours ahead
    with shipping(group) as shipped:
        log = log_to(output, shipped, monkeypatch)
        for number in range(1, 20):
            log.info("line")
            group.wait_for_batches(number)
    assert events(output.getvalue()).count("logs_dropped") == 1
    assert shipped.dropped == len(output.getvalue().splitlines()) == 20


# Never waits

CALL_SECONDS = 20  # how long a call to an endpoint that hangs takes


@contextmanager
def hanging_endpoint() -> Iterator[str]:
    """Takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        host, port = server.getsockname()
        yield f"http://{host}:{port}"


def test_nobody_waits_for_an_endpoint_that_hangs_and_what_does_not_fit_is_counted(
    output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, text = 100_000, "x" * 300
    with hanging_endpoint() as endpoint:
        config = Config(read_timeout=CALL_SECONDS, retries={"total_max_attempts": 1})
        client = boto3.client("logs", endpoint_url=endpoint, config=config)
        shipped = LogShipping("group", STREAM)
        log_to(output, shipped, monkeypatch)
        shipped.start(client)
        before, began = psutil.Process().memory_info().rss, time.monotonic()
        for number in range(lines):
            shipped.put(f"{number:09} {text}")
        seconds, memory = time.monotonic() - began, psutil.Process().memory_info().rss - before
        dropped, stopping = shipped.dropped, time.monotonic()
        shipped.stop(0.5)
        stopped = time.monotonic() - stopping
    kept = BUFFER_BYTES // (10 + len(text) + EVENT_OVERHEAD_BYTES)
    assert dropped == lines - kept
    assert json.loads(output.getvalue().splitlines()[-1])["lines"] == kept
    assert memory < 3 * BUFFER_BYTES
    assert seconds < CALL_SECONDS
    assert stopped < CALL_SECONDS / 4


def test_once_it_flows_again_the_gap_is_told_exactly(
    group: Group, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.01)
    hanging, hung = threading.Event(), threading.Event()

    def hang(call: str) -> None:
        hung.set()
        hanging.wait(30)

    group.fail = hang
    with shipping(group) as shipped:
        log = log_to(output, shipped, monkeypatch)
        log.info("first")
        assert hung.wait(10)
        for _ in range(BUFFER_BYTES // 100_000 + 20):
            log.info("long", text="x" * 100_000)
        dropped = shipped.dropped
        hanging.set()
        group.wait_for(lambda: "logs_dropped" in group.streams[STREAM][-1] if STREAM in group.streams else False)
    assert dropped > 0
    assert json.loads(group.streams[STREAM][-1])["lines"] == dropped == shipped.dropped
    assert events(group.streams[STREAM])[0] == "first"
    assert len(group.streams[STREAM]) == len(output.getvalue().splitlines()) - dropped
