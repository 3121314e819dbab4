"""Messages that are done with are deleted in batches, whatever SQS makes of them."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from hypothesis import given
from hypothesis import strategies as st

from shared.pools import Lane
from tests.clock import SettableClock
from worker import deletes
from worker import patience as patience_module
from worker.deletes import MOST_AT_ONCE, Deletes
from worker.patience import Patience
from worker.watchdog import LIMIT_SECONDS, Watchdog
from worker.work import Message

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

SOON = 10.0
LOOP = "deletes-bulk"
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")  # SQS API Reference, DeleteMessageBatchRequestEntry

# What may become of an entry of an answered call, and of a call as a whole.
DELETED, GONE, FAULT, UNTOLD = "deleted", "gone", "fault", "untold"
THROTTLED, BROKEN, LOST = "throttled", "broken", "lost"
FAILURES = {GONE: ("ReceiptHandleIsInvalid", True), FAULT: ("InternalError", False)}

Call = str | list[str]


class ScriptedQueue:
    """A queue behind a real client, which does with each call as it was told, and deletes all once told no more."""

    def __init__(self, *script: Call) -> None:
        self.script = list(script)
        self.calls: list[list[str]] = []
        self.told: set[str] = set()  # receipts that were deleted, or refused for good, by an answer that arrived
        self.wrong: list[str] = []
        self.called = threading.Semaphore(0)
        self.answering = threading.Event()  # cleared, it hangs
        self.answering.set()
        self.client: SQSClient = boto3.client("sqs")
        events = self.client.meta.events
        events.register("before-call.sqs.DeleteMessageBatch", self._answer)  # type: ignore[arg-type]  # it does answer

    def _answer(self, params: Mapping[str, bytes], **_: object) -> tuple[AWSResponse, object]:
        entries = json.loads(params["body"])["Entries"]
        ids = [entry["Id"] for entry in entries]
        receipts = [entry["ReceiptHandle"] for entry in entries]
        self.calls.append(receipts)
        self.wrong += self._broken_rules(ids, receipts)
        outcome = self.script.pop(0) if self.script else [DELETED] * len(ids)
        self.called.release()
        self.answering.wait(SOON)
        if outcome in (BROKEN, LOST):  # all the same to whoever called
            raise ConnectionClosedError(endpoint_url="")
        if outcome == THROTTLED:
            return _response(400), {"Error": {"Code": "RequestThrottled", "Message": ""}}
        return _response(200), self._answered(entries, outcome)

    def _broken_rules(self, ids: list[str], receipts: list[str]) -> Iterator[str]:
        if not 1 <= len(ids) <= MOST_AT_ONCE:
            yield f"{len(ids)} entries"
        if len(set(ids)) < len(ids):
            yield f"ids that are not distinct: {ids}"
        if not all(ENTRY_ID.fullmatch(entry_id) for entry_id in ids):
            yield f"ids that SQS does not take: {ids}"
        if again := self.told & set(receipts):
            yield f"sent although answered: {again}"

    def _answered(self, entries: list[dict[str, str]], outcomes: Call) -> dict[str, object]:
        of = dict(zip((entry["Id"] for entry in entries), [*outcomes, *[DELETED] * len(entries)], strict=False))
        self.told |= {entry["ReceiptHandle"] for entry in entries if of[entry["Id"]] in (DELETED, GONE)}
        return {
            "Successful": [{"Id": entry_id} for entry_id, outcome in of.items() if outcome == DELETED],
            "Failed": [
                {"Id": entry_id, "Code": FAILURES[outcome][0], "SenderFault": FAILURES[outcome][1]}
                for entry_id, outcome in of.items()
                if outcome in FAILURES
            ],
        }


class CountingWatchdog(Watchdog):
    """Lets a test wait for the turns of the one loop there is."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(limit_seconds, clock)
        self.turned = threading.Semaphore(0)

    def turn(self, loop: str) -> None:
        super().turn(loop)
        self.turned.release()


def _response(status: int) -> AWSResponse:
    return AWSResponse("", status, HTTPHeaders(), None)


def messages(count: int) -> list[Message]:
    return [Message(str(number), Lane.BULK, "", f"receipt-{number}", 1) for number in range(count)]


@pytest.fixture(autouse=True, scope="module")
def _no_time_to_wait() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience_module, "LONGEST_WAIT_SECONDS", 0)
        yield


@contextmanager
def deleting(
    queue: ScriptedQueue, *waiting: Message, patience: Patience | None = None, watchdog: Watchdog | None = None
) -> Iterator[Deletes]:
    """Deletes that run, and before that already had these; stopped at the end."""
    watchdog = watchdog or Watchdog(LIMIT_SECONDS)
    parts = Deletes(queue.client, "http://localhost/visqol-3-bulk", patience or Patience(), watchdog, LOOP)
    for message in waiting:
        parts.add(message)
    parts.start()
    try:
        yield parts
    finally:
        parts.stop()


CALLS = st.one_of(
    st.sampled_from([THROTTLED, BROKEN, LOST]),
    st.lists(st.sampled_from([DELETED, GONE, FAULT, UNTOLD]), min_size=MOST_AT_ONCE, max_size=MOST_AT_ONCE),
)


@given(script=st.lists(CALLS, max_size=12), before=st.integers(0, 25), after=st.integers(0, 12))
def test_every_delete_is_sent_until_it_is_answered_or_refused_and_none_is_lost_on_stop(
    script: list[Call], before: int, after: int
) -> None:
    queue, handed_over = ScriptedQueue(*script), messages(before + after)
    with deleting(queue, *handed_over[:before]) as parts:
        for message in handed_over[before:]:
            parts.add(message)
    assert queue.wrong == []
    assert queue.told == {message.receipt for message in handed_over}


def test_ten_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletes, "GATHER_SECONDS", 3600)
    queue, handed_over = ScriptedQueue(), messages(10)
    with deleting(queue) as parts:
        for message in handed_over[:9]:
            parts.add(message)
        assert not queue.called.acquire(timeout=0.2)
        parts.add(handed_over[9])
        assert queue.called.acquire(timeout=SOON)
    assert [len(call) for call in queue.calls] == [10]


def test_fewer_go_within_a_moment() -> None:
    queue = ScriptedQueue()
    with deleting(queue, *messages(2)):
        assert queue.called.acquire(timeout=SOON)
    assert [len(call) for call in queue.calls] == [2]


def test_messages_that_sqs_cannot_delete_hold_up_no_others() -> None:
    queue = ScriptedQueue([FAULT] * MOST_AT_ONCE)
    with deleting(queue, *messages(20)):
        pass
    first, second, third = queue.calls
    assert set(first).isdisjoint(second)
    assert third == first


@pytest.mark.parametrize("fault", [BROKEN, THROTTLED, [FAULT] * MOST_AT_ONCE])
def test_once_nobody_waits_any_more_stop_gives_up_what_sqs_does_not_take(fault: Call) -> None:
    queue, patience = ScriptedQueue(*[fault] * 100_000), Patience()
    with deleting(queue, *messages(25), patience=patience):
        assert queue.called.acquire(timeout=SOON)
        patience.end()
    assert queue.told == set()


def test_a_queue_that_is_broken_for_long_costs_the_oldest_deletes_and_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deletes, "MOST_WAITING", 20)
    queue, handed_over = ScriptedQueue(), messages(25)
    with deleting(queue, *handed_over):
        pass
    assert queue.told == {message.receipt for message in handed_over[5:]}


def test_with_nothing_to_delete_it_turns_within_each_step() -> None:
    watchdog = CountingWatchdog(limit_seconds=0.9)
    with deleting(ScriptedQueue(), watchdog=watchdog):
        for _ in range(4):
            assert watchdog.turned.acquire(timeout=SOON)


def test_with_a_broken_queue_it_turns_at_each_try() -> None:
    watchdog, queue = CountingWatchdog(LIMIT_SECONDS), ScriptedQueue(*[BROKEN] * 5)
    with deleting(queue, *messages(1), watchdog=watchdog):
        for _ in range(5):
            assert watchdog.turned.acquire(timeout=SOON)


def test_a_call_that_hangs_is_seen_and_an_end_is_not_taken_for_one() -> None:
    clock, queue = SettableClock(), ScriptedQueue()
    watchdog = Watchdog(LIMIT_SECONDS, clock)
    queue.answering.clear()
    with deleting(queue, *messages(1), watchdog=watchdog):
        assert queue.called.acquire(timeout=SOON)
        clock.move(LIMIT_SECONDS)
        assert watchdog.stuck() == {LOOP: LIMIT_SECONDS}
        queue.answering.set()
    clock.move(LIMIT_SECONDS)
    assert watchdog.stuck() == {}
