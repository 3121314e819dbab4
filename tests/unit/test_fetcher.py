"""What comes before the seats: a claim that is noted, held or put back, and files that are fetched while wanted."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest.mock import Mock, create_autospec

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from shared import envelope
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS, Claims
from shared.job import Job
from shared.job_table import JobTable
from shared.jobs import Jobs
from shared.pools import Lane
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job
from worker.accounts import Accounts
from worker.breaker import Admission, Breaker
from worker.cancellation import WasCancelled
from worker.clock import Clock
from worker.fetcher import ASIDE_SECONDS, IN_HAND_SECONDS, Fetcher
from worker.handoff import Handoff
from worker.job_files import FetchStopped, JobFiles
from worker.keeper import Keeper
from worker.measuring import Measuring
from worker.messages import Messages
from worker.patience import GaveUp
from worker.places import Place, Places
from worker.watchdog import LIMIT_SECONDS, Watchdog
from worker.work import UNEXPECTED, Crashed, Finished, Message, Unscored, Work


@dataclass
class Around:
    """What the fetcher works with, but for the store."""

    messages: Mock = field(default_factory=lambda: create_autospec(Messages, instance=True))
    files: Mock = field(default_factory=lambda: create_autospec(JobFiles, instance=True))
    outbox: Handoff[Finished] = field(default_factory=lambda: Handoff(1))

    def fetch(self, work: Work, claims: Claims, *in_hand: Work) -> None:
        keeper = Keeper(claims, self.messages, Watchdog(LIMIT_SECONDS))
        for other in in_hand:
            keeper.hold(other)
        breaker = create_autospec(Breaker, instance=True)
        breaker.admit.return_value = Admission.ALL
        clock = create_autospec(Clock, instance=True)
        clock.off.return_value = False
        Fetcher(
            claims=claims,
            messages=self.messages,
            breaker=breaker,
            files=self.files,
            measuring=create_autospec(Measuring, instance=True),
            keeper=keeper,
            places=create_autospec(Places, instance=True),
            accounts=create_autospec(Accounts, instance=True),
            clock=clock,
            ready=Handoff(1),
            outbox=self.outbox,
        ).fetch(work)


class LateClaims(Claims):
    """A claim takes nearly all the time that it is good for, and then the worker is to end."""

    def __init__(self, table: JobTable, clock: SettableClock) -> None:
        super().__init__(table, "host-a", clock)
        self.monotonic = SettableClock(0)

    def claim(self, job_id: str) -> Job:
        job = super().claim(job_id)
        self.monotonic.move(CLAIM_SECONDS - 1)
        return job

    def extend(self, job: Job) -> Job:
        raise GaveUp("dynamodb.UpdateItem: nobody answers")


def received(job: Job) -> Work:
    return Work(Message(secrets.token_hex(4), Lane.BULK, envelope.pack(job.id), receipt="", receives=1), Place(0))


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def job(jobs: Jobs) -> Job:
    return jobs.queue(jobs.create(new_job()), ETAGS)


@pytest.fixture
def work(job: Job) -> Iterator[Work]:
    work = received(job)
    yield work
    work.cancelled.close()


def test_a_claim_leaves_a_line_so_that_a_jobs_story_on_a_host_has_a_beginning(
    around: Around, work: Work, job: Job, claims: Claims, clock: SettableClock
) -> None:
    clock.move(2.5)
    with capture_logs(processors=[merge_contextvars]) as lines:
        around.fetch(work, claims)
    line = next(line for line in lines if line["event"] == "claimed")
    assert (line["log_level"], line["job_id"], line["attempt"], line["host"]) == ("info", job.id, 1, "host-a")
    assert (line["lane"], line["waited_seconds"]) == (Lane.BULK, pytest.approx(2.5))


def test_a_job_that_is_in_hand_here_is_not_taken_over_from_ourselves_though_its_claim_looks_dead(
    around: Around, work: Work, job: Job, claims: Claims, jobs: Jobs, clock: SettableClock
) -> None:
    work.job, work.job_id = claims.begin(claims.claim(job.id)), job.id
    clock.move(CLAIM_SECONDS + GRACE_SECONDS + 1)  # a network cut
    again = received(job)
    around.fetch(again, claims, work)
    assert jobs.get(job.id) == work.job
    around.messages.show_in.assert_called_once_with(again.message, IN_HAND_SECONDS)


def test_a_claim_that_came_too_late_to_be_kept_is_put_back(
    around: Around,
    work: Work,
    job: Job,
    jobs: Jobs,
    table: JobTable,
    clock: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = LateClaims(table, clock)
    monkeypatch.setattr("worker.fetcher.time", SimpleNamespace(monotonic=late.monotonic))
    around.fetch(work, late)
    now = jobs.get(job.id)
    assert (now.state, now.claim_until, now.attempt) == (State.QUEUED, None, 1)
    around.messages.show_in.assert_called_once_with(work.message, 0)


def test_a_job_that_was_cancelled_while_its_files_came_is_dropped(around: Around, work: Work, claims: Claims) -> None:
    around.files.fetch.side_effect = WasCancelled
    around.fetch(work, claims)
    assert around.outbox.take() == (work, Unscored.DROPPED)


def test_a_job_whose_files_were_to_come_as_the_worker_ends_goes_back(
    around: Around, work: Work, claims: Claims
) -> None:
    around.files.fetch.side_effect = FetchStopped
    around.fetch(work, claims)
    assert around.outbox.take() == (work, Unscored.RETURNED)


def test_an_error_that_nobody_foresaw_counts_so_that_it_does_not_go_on_for_ever(
    around: Around, work: Work, claims: Claims
) -> None:
    around.files.fetch.side_effect = KeyError("unforeseen")
    around.fetch(work, claims)
    assert around.outbox.take() == (work, Crashed(UNEXPECTED))


def test_a_claim_of_ours_whose_answer_was_lost_is_not_asked_for_by_another_message(
    around: Around, work: Work, job: Job, claims: Claims, jobs: Jobs
) -> None:
    lost = create_autospec(Claims, instance=True)

    def claimed_and_lost(job_id: str) -> Job:
        claims.claim(job_id)
        around.fetch(again, claims, work)  # meanwhile
        raise GaveUp("no answer")

    lost.claim.side_effect = claimed_and_lost
    again = received(job)
    around.fetch(work, lost)
    around.messages.show_in.assert_any_call(again.message, IN_HAND_SECONDS)


def test_a_malformed_message_that_cannot_be_put_aside_keeps_no_place(around: Around, claims: Claims) -> None:
    around.messages.put_aside.side_effect = GaveUp("sqs.SendMessage: AccessDenied")
    work = Work(Message("m", Lane.BULK, "not ours", receipt="", receives=1), Place(0))
    with capture_logs() as lines:
        around.fetch(work, claims)
    around.messages.show_in.assert_called_once_with(work.message, ASIDE_SECONDS)
    assert "message_not_put_aside" in [line["event"] for line in lines]
