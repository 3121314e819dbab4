"""What the reconciler promises of many jobs over many hours: each ends, once, and messages do not flood the lanes.

Scaled down: a hundred jobs stand for ten thousand, one message for a hundred that may be sent again in a minute, one
shard of the index for sixteen. Hours go by by a clock that the tests move.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import lanes
from api.enqueue import enqueue
from shared import batch_counts, envelope, job_table
from shared.claims import Claims
from shared.errors import AlreadyEnded, NotClaimable
from shared.job import Job
from shared.jobs import FIRST_CHECK_SECONDS
from shared.lives import LIVES, RUN_SECONDS
from shared.object_keys import result_key
from shared.pools import Lane
from shared.resources import lane_queue
from shared.states import State
from tests import functions
from tests.cloud import POOL, Resources
from tests.functions import Functions
from tests.jobs_for_tests import ETAGS, new_job, result
from tests.unit.api.steps import calls

LANE = lane_queue(POOL.name, Lane.INTERACTIVE)
MINUTE, HOUR = 60, 3600
JOBS = 30
MANY = 100
SHARE = 0.01  # of the backlog, in a minute: what is asked for


@pytest.fixture
def given(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    monkeypatch.setattr(job_table, "PENDING_SHARDS", 1)
    monkeypatch.setattr(lanes, "FEW", round(MANY * SHARE))
    with functions.given(resources, monkeypatch, LIVES) as given:
        yield given


def queued(given: Functions, count: int, batch: str | None = None) -> list[Job]:
    """Jobs as a function leaves them that is stopped between its write and its send."""

    def one(_: int) -> Job:
        fresh = new_job(now=given.clock.now).model_copy(update={"batch": batch})
        return given.jobs.queue(given.jobs.create(fresh), ETAGS)

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, range(count)))


def sent(given: Functions, count: int, batch: str | None = None) -> list[Job]:
    """Queued jobs, each with its message."""
    jobs = queued(given, count, batch)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda job: enqueue(given.parts, job), jobs))
    return jobs


def purge(given: Functions) -> None:
    given.parts.sqs.purge_queue(QueueUrl=given.parts.settings.queue_urls[LANE])


class Worker:
    """Takes jobs from the lane and commits them; each commit it was granted is counted."""

    def __init__(self, given: Functions, host: str = "host-a") -> None:
        self.given, self.claims = given, given.claims(host)
        self.commits: Counter[str] = Counter()
        self.vain = 0  # messages that led to no work

    def work(self, most: int) -> None:
        """Work off up to that many messages."""
        for _ in range(most):
            messages = self.given.receive(Lane.INTERACTIVE, 1)
            if not messages:
                return
            self._score(envelope.unpack(messages[0]["Body"]).job)
            self.given.delete(Lane.INTERACTIVE, messages[0])

    def _score(self, job_id: str) -> None:
        try:
            job = self.claims.begin(self.claims.claim(job_id))
        except (AlreadyEnded, NotClaimable):
            self.vain += 1
            return
        self.claims.commit(job, result(), result_key(job.id, job.attempt))
        self.commits[job_id] += 1


def lost_for_good(given: Functions, count: int) -> None:
    """A worker that claims jobs and is never heard of again; nor are its messages."""
    claims: Claims = given.claims("host-gone")
    for message in given.receive(Lane.INTERACTIVE, count):
        claims.begin(claims.claim(envelope.unpack(message["Body"]).job))
        given.delete(Lane.INTERACTIVE, message)


def ended_once(worker: Worker, jobs: list[Job]) -> bool:
    now = {job.id: job for job in worker.given.all_jobs()}
    return all(now[job.id].state is State.SUCCEEDED and worker.commits[job.id] == 1 for job in jobs)


def test_a_function_stopped_between_its_write_and_its_send_costs_two_minutes(given: Functions) -> None:
    jobs, worker = queued(given, JOBS), Worker(given)
    for _ in range(2):
        given.minute()
        worker.work(2 * JOBS)
    assert ended_once(worker, jobs)
    assert worker.vain == 0


def test_messages_that_are_all_dropped_cost_minutes_too(given: Functions) -> None:
    jobs, worker = sent(given, JOBS), Worker(given)
    purge(given)
    for _ in range(5):
        given.minute()
        worker.work(2 * JOBS)
    assert ended_once(worker, jobs)
    assert worker.vain == 0


def test_of_a_lane_that_goes_on_the_messages_that_were_dropped_are_made_up_for(given: Functions) -> None:
    jobs, worker = sent(given, 40), Worker(given)
    dropped = [message for _ in range(2) for message in given.receive(Lane.INTERACTIVE, 10)]
    for message in dropped:
        given.delete(Lane.INTERACTIVE, message)
    for _ in range(FIRST_CHECK_SECONDS // MINUTE + 5):
        given.minute()
        sent(given, 1)  # somebody's, so that the lane is never empty
        worker.work(3)
    worker.work(10 * len(jobs))
    assert ended_once(worker, jobs)


def test_jobs_of_a_worker_that_is_lost_for_good_are_worked_off_by_another(given: Functions) -> None:
    jobs = sent(given, 10)
    lost_for_good(given, 10)
    worker = Worker(given, "host-b")
    for _ in range(8):
        given.minute()
        worker.work(100)
    assert ended_once(worker, jobs)
    assert {job.attempt for job in given.all_jobs()} == {2}


def test_jobs_that_nobody_ever_comes_to_end_too(given: Functions) -> None:
    jobs = sent(given, 10)
    lost_for_good(given, 5)
    purge(given)
    days = RUN_SECONDS // (24 * HOUR)
    for _ in range(days * 2 + 2):
        given.minute(12 * HOUR)
        purge(given)
    errors = [(job.state, job.error.code if job.error else None) for job in given.all_jobs()]
    assert errors == [(State.FAILED, "run_deadline")] * len(jobs)


def waits(given: Functions, hours: float) -> tuple[list[int], Worker]:
    """Jobs sent at once wait that long for a worker, which then comes; what was sent again in each minute."""
    batch = secrets.token_hex(16)
    backlog = sent(given, MANY, batch)
    minutes: list[int] = []
    for _ in range(round(hours * HOUR / MINUTE)):
        with calls(given.parts.sqs, "SendMessage") as sends:
            given.clock.move(MINUTE)
            given.reconcile()
        minutes.append(len(sends))
    worker = Worker(given)
    worker.work(3 * MANY)
    assert ended_once(worker, backlog)
    assert +batch_counts.read(given.parts.table, batch).states == Counter({State.SUCCEEDED: MANY})
    return minutes, worker


def test_a_backlog_that_waits_for_hours_is_not_sent_again_while_that_was_to_be_expected(given: Functions) -> None:
    """At the 5 s a job that are assumed of a lane without seats, a hundred take 8 minutes; a message, thrice that."""
    minutes, worker = waits(given, hours=0.4)
    assert sum(minutes) == worker.vain == 0


def test_a_backlog_that_waits_for_longer_than_anybody_expected_is_sent_again_by_few(given: Functions) -> None:
    minutes, worker = waits(given, hours=1.2)
    assert max(minutes) <= MANY * SHARE  # of the jobs, be the messages as many as they may
    assert 0 < sum(minutes) == worker.vain <= MANY


def test_claims_that_die_in_a_deep_lane_bring_few_messages_each(given: Functions) -> None:
    jobs = sent(given, 30)
    lost_for_good(given, 5)
    with calls(given.parts.sqs, "SendMessage") as sends:
        for _ in range(60):
            given.clock.move(MINUTE)
            given.reconcile()
    worker = Worker(given, "host-b")
    worker.work(100)
    assert ended_once(worker, jobs)
    assert 5 <= len(sends) <= 5 * 3 + 25 * 2  # after 5, 20 and 50 minutes; of those that wait, after 15 and 45
