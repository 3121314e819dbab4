"""Lanes whose messages were lost get them again at once; into lanes that hold messages, few are sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api import lanes
from api.lanes import Lanes
from api.service import Service
from shared import envelope
from shared.jobs import FIRST_CHECK_SECONDS, SEND_SECONDS
from shared.pools import Lane
from shared.resources import lane_queue
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS
from tests.unit.api.reconciling import LANE, MINUTE, deep, reconcile, sent, told, whole

if TYPE_CHECKING:
    pass

from tests.unit.api.steps import take_all

pytestmark = pytest.mark.usefixtures("_empty_afterwards")


@pytest.fixture(autouse=True)
def _time(clock: SettableClock) -> None:
    """Every test here sets its time."""


def test_a_lane_that_is_empty_twice_while_jobs_of_it_wait_gets_all_their_messages(
    parts: Service, clock: SettableClock
) -> None:
    jobs = {sent(parts).id for _ in range(lanes.FEW + 3)}
    clock.move(2 * MINUTE)
    reconcile()
    assert told(parts) == []
    clock.move(MINUTE)
    reconcile()
    assert set(take_ids(parts)) == jobs
    clock.move(MINUTE)
    reconcile()
    assert told(parts) == []  # seen empty once, since


def take_ids(parts: Service) -> list[str]:
    return [envelope.unpack(body).job for body in take_all(parts, parts.settings.queue_urls[LANE])]


def test_a_lane_that_holds_a_message_has_lost_none(parts: Service, clock: SettableClock) -> None:
    job = sent(parts)
    deep(parts, 1)
    for _ in range(4):
        clock.move(MINUTE)
        reconcile()
    assert parts.jobs.get(job.id).sends == 1


def test_a_message_that_is_being_worked_on_is_not_lost(parts: Service, clock: SettableClock) -> None:
    sent(parts)
    deep(parts, 1)
    url = parts.settings.queue_urls[LANE]
    (message,) = parts.sqs.receive_message(QueueUrl=url)["Messages"]
    for _ in range(4):
        clock.move(MINUTE)
        reconcile()
    assert told(parts) == []
    parts.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_a_job_that_was_queued_just_now_may_have_a_message_that_is_not_counted_yet(
    parts: Service, clock: SettableClock
) -> None:
    old = sent(parts)
    clock.move(2 * MINUTE)
    reconcile()
    clock.move(MINUTE - 1)
    sent(parts)
    clock.move(1)
    reconcile()
    assert told(parts) == [old.id]


def test_two_runs_in_one_minute_are_one_look(parts: Service, clock: SettableClock) -> None:
    sent(parts)
    clock.move(2 * MINUTE)
    for _ in range(3):
        clock.move(1)
        reconcile()
    assert told(parts) == []


def test_a_lane_that_was_empty_long_ago_is_not_empty_twice(parts: Service, clock: SettableClock) -> None:
    reconcile()
    clock.move(10 * MINUTE)
    sent(parts)
    clock.move(2 * MINUTE)
    reconcile()
    assert told(parts) == []


def test_into_a_lane_that_holds_messages_few_are_sent_again_in_a_minute(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "FEW", 2)
    jobs = [sent(parts) for _ in range(5)]
    deep(parts, 1)
    clock.move(FIRST_CHECK_SECONDS + MINUTE)
    sends = []
    for _ in range(4):
        reconcile()
        sends.append(sum(parts.jobs.get(job.id).sends for job in jobs))
        clock.move(MINUTE)
    assert sends == [5 + 2, 5 + 4, 5 + 5, 5 + 5]


def test_messages_that_were_never_sent_are_not_counted(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "FEW", 1)
    jobs = [parts.jobs.queue(whole(parts), ETAGS) for _ in range(4)]
    clock.move(SEND_SECONDS)
    reconcile()
    assert sorted(told(parts)) == sorted(job.id for job in jobs)


def test_what_may_be_sent_again_grows_with_what_a_lane_holds(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_depth", lambda _, name: 100_000 if name == LANE else 5)
    watched = Lanes(parts)
    assert sum(watched.take(LANE) for _ in range(500)) == 100
    assert sum(watched.take(lane_queue("visqol-3", Lane.BULK)) for _ in range(500)) == lanes.FEW
