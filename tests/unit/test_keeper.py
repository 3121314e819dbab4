"""What is in hand is kept: claim and message are extended while it lasts, and whatever was lost is cancelled."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
from botocore.exceptions import EndpointConnectionError
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from shared.claims import CLAIM_SECONDS, GRACE_SECONDS, Claims
from shared.jobs import Jobs
from shared.pools import Lane
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job
from worker.keeper import AGAIN_SECONDS, BEAT_SECONDS, SKIP_SECONDS, Keeper
from worker.messages import Messages
from worker.watchdog import LIMIT_SECONDS, Watchdog
from worker.work import Message, Work


class HiddenMessages(Messages):
    """Notes what is hidden, and can fail to."""

    def __init__(self) -> None:
        self.hidden: list[str] = []
        self.error: Exception | None = None

    def hide(self, message: Message, seconds: float) -> None:
        if self.error:
            raise self.error
        self.hidden.append(message.id)


@pytest.fixture
def messages() -> HiddenMessages:
    return HiddenMessages()


@pytest.fixture
def keeper(claims: Claims, messages: HiddenMessages) -> Keeper:
    return Keeper(claims, messages, Watchdog(LIMIT_SECONDS))


@pytest.fixture
def work(jobs: Jobs, claims: Claims) -> Iterator[Work]:
    job = claims.claim(jobs.queue(jobs.create(new_job()), ETAGS).id)
    message = Message(id=secrets.token_hex(4), lane=Lane.INTERACTIVE, body="", receipt="", receives=1)
    held = Work(message, job=job, job_id=job.id, claim_ends=time.monotonic() + CLAIM_SECONDS)
    yield held
    held.cancelled.close()


def test_a_beat_extends_claim_and_message(
    keeper: Keeper, work: Work, messages: HiddenMessages, jobs: Jobs, clock: SettableClock
) -> None:
    clock.move(30)
    keeper.beat(work)
    assert jobs.get(work.claimed.id).claim_until == clock.now + CLAIM_SECONDS
    assert messages.hidden == [work.message.id]
    assert not work.cancelled.is_set()


def test_a_claim_that_another_took_over_is_cancelled(
    keeper: Keeper, work: Work, other_claims: Claims, clock: SettableClock
) -> None:
    clock.move(CLAIM_SECONDS + GRACE_SECONDS)
    other_claims.claim(work.claimed.id)
    keeper.beat(work)
    assert work.cancelled.is_set()


def test_a_job_that_was_cancelled_stops_its_work(keeper: Keeper, work: Work, jobs: Jobs) -> None:
    jobs.cancel(work.claimed)
    keeper.beat(work)
    assert work.cancelled.is_set()


def test_work_whose_claim_ran_out_in_a_network_cut_goes_on_and_is_held_again_where_nobody_took_it_over(
    keeper: Keeper, work: Work, jobs: Jobs, clock: SettableClock
) -> None:
    keeper.hold(work)
    clock.move(CLAIM_SECONDS + GRACE_SECONDS + 1)
    work.claim_ends = time.monotonic() - 1
    with capture_logs() as lines:
        keeper.due(now=time.monotonic())
        keeper.due(now=time.monotonic())
        assert not work.cancelled.is_set()
        keeper.beat(work)
        keeper.due(now=time.monotonic())
    assert [line["event"] for line in lines] == ["claim_ran_out", "claim_held_again"]
    assert work.claim_ends > time.monotonic()
    now = jobs.get(work.claimed.id)
    assert (now.attempt, now.failures, now.claim_until) == (1, 0, clock.now + CLAIM_SECONDS)


def test_work_whose_claim_ran_out_stops_once_it_hears_that_another_took_it_over(
    keeper: Keeper, work: Work, other_claims: Claims, clock: SettableClock
) -> None:
    keeper.hold(work)
    clock.move(CLAIM_SECONDS + GRACE_SECONDS)
    work.claim_ends = time.monotonic() - 1
    other_claims.claim(work.claimed.id)
    assert not work.cancelled.is_set()
    keeper.beat(work)
    assert work.cancelled.is_set()


def test_a_message_that_cannot_be_hidden_costs_the_claim_nothing(
    keeper: Keeper, work: Work, messages: HiddenMessages, jobs: Jobs, clock: SettableClock
) -> None:
    messages.error = EndpointConnectionError(endpoint_url="http://nowhere")
    clock.move(30)
    keeper.beat(work)
    assert jobs.get(work.claimed.id).claim_until == clock.now + CLAIM_SECONDS
    assert not work.cancelled.is_set()


def test_a_beat_that_fails_unforeseen_names_its_job(keeper: Keeper, work: Work, messages: HiddenMessages) -> None:
    messages.error = KeyError("unforeseen")
    with capture_logs(processors=[merge_contextvars]) as lines:
        keeper.beat(work)
    assert [(line["event"], line["job_id"]) for line in lines] == [("beat_failed", work.claimed.id)]


def test_a_beat_that_fails_before_its_job_is_known_names_its_message(
    keeper: Keeper, work: Work, messages: HiddenMessages
) -> None:
    messages.error = KeyError("unforeseen")
    work.job = work.claim_ends = None
    with capture_logs(processors=[merge_contextvars]) as lines:
        keeper.beat(work)
    assert [(line["event"], line["message_id"]) for line in lines] == [("beat_failed", work.message.id)]


def test_work_is_due_every_third_of_the_visibility_until_it_is_let_go(keeper: Keeper, work: Work) -> None:
    keeper.hold(work)
    start = time.monotonic()
    assert keeper.due(now=start) == []
    assert keeper.due(now=start + BEAT_SECONDS + 1) == [work]
    keeper.beat(work)
    assert keeper.due(now=start + BEAT_SECONDS + 2) == []
    assert keeper.due(now=start + 2 * BEAT_SECONDS + 2) == [work]
    keeper.let_go(work)
    assert keeper.due(now=start + 10 * BEAT_SECONDS) == []


def test_work_waits_for_one_beat_at_a_time_however_long_an_outage_makes_that_take(keeper: Keeper, work: Work) -> None:
    keeper.hold(work)
    later = time.monotonic() + BEAT_SECONDS + 1
    assert keeper.due(later) == [work]
    assert [keeper.due(later + minutes * 60) for minutes in range(10)] == [[]] * 10
    keeper.beat(work)
    assert keeper.due(later + 600) == [work]


def test_a_beat_that_does_not_get_through_is_made_again_soon_and_told_once(
    work: Work, messages: HiddenMessages, jobs: Jobs
) -> None:
    cut_off = create_autospec(Claims, instance=True)
    cut_off.extend.side_effect = EndpointConnectionError(endpoint_url="http://nowhere")
    keeper = Keeper(cut_off, messages, Watchdog(LIMIT_SECONDS))
    keeper.hold(work)
    keeper.due(time.monotonic() + BEAT_SECONDS + 1)
    with capture_logs() as lines:
        for _ in range(5):
            keeper.beat(work)
    assert [line["event"] for line in lines] == ["claim_not_extended"]
    assert keeper.due(time.monotonic() + AGAIN_SECONDS / 2) == []
    assert keeper.due(time.monotonic() + AGAIN_SECONDS + 1) == [work]


def test_a_beat_that_finds_no_thread_ends_neither_the_keeper_nor_the_work(
    keeper: Keeper, work: Work, jobs: Jobs, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, beaten = threading.Event(), threading.Event()
    submit = ThreadPoolExecutor.submit

    def at_second(pool: ThreadPoolExecutor, call: Callable[[Work], None], work: Work) -> object:
        if not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        beaten.set()
        return submit(pool, call, work)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", at_second)
    monkeypatch.setattr("worker.keeper.BEAT_SECONDS", 0.0)
    monkeypatch.setattr("worker.keeper.AGAIN_SECONDS", 0.0)
    keeper.hold(work)
    keeper.start()
    try:
        assert beaten.wait(10)
    finally:
        keeper.stop()
    assert refused.is_set()


def test_it_knows_which_jobs_are_in_hand(keeper: Keeper, work: Work) -> None:
    assert not keeper.holds(work.claimed.id)
    keeper.hold(work)
    assert keeper.holds(work.claimed.id)
    assert not keeper.holds("another")
    keeper.let_go(work)
    assert not keeper.holds(work.claimed.id)


def test_a_beat_after_it_was_let_go_hides_nothing(keeper: Keeper, work: Work, messages: HiddenMessages) -> None:
    keeper.let_go(work)
    keeper.beat(work)
    assert messages.hidden == []


def test_while_the_queue_hangs_the_beats_keep_to_the_claims(
    keeper: Keeper, work: Work, messages: HiddenMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SettableClock(0)
    monkeypatch.setattr("worker.keeper.time", SimpleNamespace(monotonic=now))
    hide = messages.hide

    def hang(message: Message, seconds: float) -> None:
        now.move(15)
        hide(message, seconds)

    monkeypatch.setattr(messages, "hide", hang)
    for _ in range(20):
        keeper.beat(work)
    assert (now(), len(messages.hidden)) == (15, 1)
    now.move(SKIP_SECONDS)
    keeper.beat(work)
    assert len(messages.hidden) == 2


def test_a_job_whose_claim_has_no_answer_yet_is_in_hand(keeper: Keeper, work: Work) -> None:
    work.job = None
    keeper.hold(work)
    assert keeper.holds(work.job_id or "")
