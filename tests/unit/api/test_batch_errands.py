"""A batch is worked off by one errand at a time, however often it is asked for, and no errand is lost for long."""

from __future__ import annotations

from api import batch_starter
from api.service import Service
from shared.batches import CHECK_SECONDS
from shared.states import State
from tests.clock import SettableClock
from tests.unit.api.steps import bring
from tests.unit.api.test_batches import add, drain, new_batch, show, start, work_off


def test_to_start_it_again_and_again_sends_nobody_through_it_again(parts: Service) -> None:
    batch = new_batch()
    add(batch, {"custom_id": "a"})
    assert [start(batch).status for _ in range(5)] == [202] * 5
    assert len(drain(parts)) == 1


def test_of_many_who_find_it_due_one_takes_it_up(parts: Service) -> None:
    batch = parts.batches.get(new_batch())
    started = parts.batches.start(batch)
    assert [parts.batches.take_up(started) for _ in range(5)] == [True, False, False, False, False]


def test_a_start_whose_message_was_not_sent_is_mended_by_the_next_one(parts: Service) -> None:
    batch = new_batch()

    def refuse(**_: object) -> None:
        raise ConnectionError("no route")

    parts.sqs.meta.events.register("before-send.sqs.SendMessage", refuse)
    try:
        assert start(batch).status >= 500
    finally:
        parts.sqs.meta.events.unregister("before-send.sqs.SendMessage", refuse)
    assert drain(parts) == []
    assert start(batch).status == 202
    assert len(drain(parts)) == 1


def test_the_end_that_several_notice_is_written_down_by_one(parts: Service) -> None:
    batch = new_batch()
    (item,) = add(batch, {"custom_id": "a"})
    start(batch)
    drain(parts)
    bring(parts, item["job"]["id"], State.CANCELLED)
    seen = parts.batches.get(batch)
    for _ in range(3):
        batch_starter.end_if_all_ended(parts, seen)
    assert len(drain(parts)) == 1


def test_one_that_is_worked_off_is_left_alone_until_nothing_is_heard_of_it(
    parts: Service, clock: SettableClock
) -> None:
    batch = new_batch()
    start(batch)
    drain(parts)
    clock.move(CHECK_SECONDS - 1)
    start(batch)
    assert drain(parts) == []
    clock.move(1)
    start(batch)
    assert len(drain(parts)) == 1


def test_jobs_that_were_deleted_before_its_start_are_not_waited_for(parts: Service) -> None:
    batch = new_batch()
    kept, gone = (item["job"]["id"] for item in add(batch, {"custom_id": "kept"}, {"custom_id": "gone"}))
    parts.jobs.delete(bring(parts, gone, State.CANCELLED))
    bring(parts, kept, State.CANCELLED)
    start(batch)
    work_off(parts)
    assert parts.batches.get(batch).results


def test_nor_are_those_that_were_deleted_before_its_end(parts: Service) -> None:
    batch = new_batch()
    kept, gone = (item["job"]["id"] for item in add(batch, {"custom_id": "kept"}, {"custom_id": "gone"}))
    start(batch)
    work_off(parts)
    parts.jobs.delete(bring(parts, gone, State.SUCCEEDED))
    bring(parts, kept, State.CANCELLED)
    batch_starter.end_if_all_ended(parts, parts.batches.get(batch))
    work_off(parts)
    assert parts.batches.get(batch).results
    assert show(batch)["counts"]["succeeded"] == 1
