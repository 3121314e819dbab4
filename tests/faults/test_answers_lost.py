"""Every call that a worker makes, its answer lost after AWS had applied it: the job is none the wiser."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import JsonValue

from shared import batch_counts
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS, Claims
from shared.job import Job, new_job_id
from shared.job_table import JobTable
from shared.pools import Lane
from shared.resources import MALFORMED_QUEUE, lane_queue
from shared.states import State
from tests.aws_faults import Call, Cut, Fault, Injected, Lost
from tests.cloud import POOL, Cloud, Resources, fresh
from tests.faults.aftermath import end_well, wait_empty
from tests.faulty_gateway import FaultyGateway, faulty_gateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, WorkerProcess, worker

QUEUE = lane_queue(POOL.name, Lane.INTERACTIVE)
QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
BAD_INPUT: dict[str, JsonValue] = {"do": "fail", "failure_class": "bad_input"}
BEAT_SECONDS = 40  # by then both beats of a work in hand were made, and heard of by a busy machine
SCORED_ONCE = (State.SUCCEEDED, 1, 0, 0)


def changes(attribute: str, *, but_not: str = " ") -> Callable[[Call], bool]:
    """An update of a job that changes the one attribute and not the other."""
    return lambda call: call.names(attribute) and not call.names(but_not)


CLAIM, BEGIN, COMMIT, FAIL = changes("attempt"), changes("begun_attempt"), changes("result_key"), changes("error")
EXTEND, RETRY = changes("claim_until", but_not="state"), changes("failures", but_not="error")
PUT_BACK = changes("state", but_not="attempt")


@dataclass(frozen=True)
class Loss:
    """An answer to lose."""

    operation: str
    where: Callable[[Call], bool] = field(default=lambda _: True)
    fault: Fault = field(default_factory=Lost)

    def inject(self, gateway: FaultyGateway) -> Injected:
        return gateway.inject(self.fault, self.operation, where=self.where)


def of_the_lane(call: Call) -> bool:
    """A call on the lane that the tests send to: the other one's receive would be lost with nothing in it."""
    return QUEUE.encode() in call.body


def outcome(job: Job) -> tuple[State, int, int, int]:
    return (job.state, job.attempt, job.failures, job.lost_claims)


@dataclass
class Running:
    """A worker for several tests: each loses one answer, and none may harm the next."""

    jobs: GivenJobs
    gateway: FaultyGateway
    process: WorkerProcess
    started: list[Job] = field(default_factory=list)


@pytest.fixture(scope="module")
def running(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    resources = fresh(cloud)
    with (
        faulty_gateway(cloud) as gateway,
        worker(gateway.before(resources), tmp_path_factory.mktemp("worker")) as process,
    ):
        running = Running(GivenJobs(resources), gateway, process)
        yield running
        end_well(running.jobs, running.started, process)


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(Loss("dynamodb.UpdateItem", CLAIM), id="claim"),
        pytest.param(Loss("s3.GetObject"), id="fetch"),
        pytest.param(Loss("s3.GetObject", fault=Cut()), id="fetch-cut-in-the-middle"),
        pytest.param(Loss("dynamodb.UpdateItem", BEGIN), id="begin"),
        pytest.param(Loss("s3.PutObject"), id="put-result"),
        pytest.param(Loss("dynamodb.UpdateItem", COMMIT), id="commit"),
        pytest.param(Loss("dynamodb.UpdateItem", COMMIT, Cut()), id="commit-cut-in-the-middle"),
        pytest.param(Loss("sqs.DeleteMessageBatch"), id="delete-message"),
        pytest.param(Loss("dynamodb.PutItem"), id="tell-host"),
    ],
)
def test_a_job_is_scored_once(running: Running, loss: Loss) -> None:
    lost = loss.inject(running.gateway)
    started = [running.jobs.start(QUICK) for _ in range(3)]
    running.started += started
    ended = running.jobs.wait_all(started, State.SUCCEEDED)
    assert lost.happened.wait(BEAT_SECONDS)
    wait_empty(running.jobs, BEAT_SECONDS)
    assert list(map(outcome, ended)) == [SCORED_ONCE] * 3


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(Loss("dynamodb.TransactWriteItems", CLAIM), id="claim"),
        pytest.param(Loss("dynamodb.TransactWriteItems", COMMIT), id="commit"),
    ],
)
def test_a_job_of_a_batch_is_counted_once(running: Running, loss: Loss) -> None:
    lost, batch = loss.inject(running.gateway), new_job_id()
    started = [running.jobs.start(QUICK, batch=batch) for _ in range(3)]
    running.started += started
    ended = running.jobs.wait_all(started, State.SUCCEEDED)
    assert lost.happened.wait(BEAT_SECONDS)
    assert list(map(outcome, ended)) == [SCORED_ONCE] * 3
    assert +batch_counts.read(running.jobs.service.table, batch).states == {State.SUCCEEDED: 3}


@pytest.mark.parametrize("fault", [Lost(), Cut()], ids=["lost", "cut-in-the-middle"])
def test_messages_that_were_received_by_nobody_come_again(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path, fault: Fault
) -> None:
    started = [jobs.start(QUICK) for _ in range(3)]
    lost = Loss("sqs.ReceiveMessage", of_the_lane, fault).inject(gateway)
    with worker(faulty, tmp_path) as process:
        assert lost.happened.wait(BEAT_SECONDS)
        assert gateway.show_swallowed() > 0
        ended = end_well(jobs, started, process)
    assert list(map(outcome, ended)) == [SCORED_ONCE] * 3


def test_bad_input_fails_once(jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path) -> None:
    lost = Loss("dynamodb.UpdateItem", FAIL).inject(gateway)
    with worker(faulty, tmp_path) as process:
        [ended] = end_well(jobs, [jobs.start(BAD_INPUT)], process)
    assert lost.happened.is_set()
    assert outcome(ended) == (State.FAILED, 1, 0, 0)
    assert ended.error
    assert ended.error.code == "told_to"


def test_a_crash_is_counted_once(jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(faulty, tmp_path / "worker") as process:
        job = jobs.start(meeting.order)
        seat = meeting.wait_begun()
        jobs.wait_begun(job)
        counted = Loss("dynamodb.UpdateItem", RETRY).inject(gateway)
        given_back = Loss("sqs.ChangeMessageVisibility").inject(gateway)
        meeting.open()
        os.kill(seat, signal.SIGKILL)
        [ended] = end_well(jobs, [job], process)
    assert counted.happened.is_set()
    assert given_back.happened.is_set()
    assert outcome(ended) == (State.SUCCEEDED, 2, 1, 0)


def test_what_a_drain_puts_back_costs_nothing(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(faulty, tmp_path / "worker") as process:
        running = jobs.start(meeting.order)
        meeting.wait_begun()
        waiting = jobs.start(QUICK)
        jobs.wait_for(waiting, State.RUNNING)
        put_back = Loss("dynamodb.UpdateItem", PUT_BACK).inject(gateway)
        given_back = Loss("sqs.ChangeMessageVisibility").inject(gateway)
        process.signal(signal.SIGTERM)
        assert put_back.happened.wait(BEAT_SECONDS)
        assert given_back.happened.wait(BEAT_SECONDS)
        meeting.let_go()
        assert process.wait() == 0
        assert outcome(jobs.now(waiting)) == (State.QUEUED, 1, 0, 0)
        process.start()
        ended = end_well(jobs, [running, waiting], process)
    assert list(map(outcome, ended)) == [SCORED_ONCE, (State.SUCCEEDED, 2, 0, 0)]


def test_the_result_of_a_cancelled_job_is_removed(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    looked, removed = gateway.inject(Lost(), "dynamodb.GetItem"), gateway.inject(Lost(), "s3.DeleteObject")
    with worker(faulty, tmp_path / "worker") as process:
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        jobs.wait_begun(job)
        jobs.service.jobs.cancel(job)
        meeting.let_go()
        assert looked.happened.wait(BEAT_SECONDS)
        assert removed.happened.wait(BEAT_SECONDS)
        [ended] = end_well(jobs, [job], process)
    assert ended.state is State.CANCELLED


def test_a_message_that_nobody_can_read_is_not_lost(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    jobs.service.sqs.send_message(QueueUrl=jobs.resources.queue_urls[QUEUE], MessageBody="nonsense")
    lost = gateway.inject(Lost(), "sqs.SendMessage")
    with worker(faulty, tmp_path):
        assert lost.happened.wait(BEAT_SECONDS)
        wait_empty(jobs, BEAT_SECONDS)
    assert jobs.counts(MALFORMED_QUEUE) in ((1, 0), (2, 0)), "sending again may double it, which harms nobody"


def test_a_job_that_runs_for_long_is_kept(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    meeting = Meeting.at(tmp_path / "meeting")
    with worker(faulty, tmp_path / "worker") as process:
        job = jobs.start(meeting.order)
        meeting.wait_begun()
        jobs.wait_begun(job)
        claim_until = jobs.now(job).claim_until or 0
        extended = Loss("dynamodb.UpdateItem", EXTEND).inject(gateway)
        hidden = Loss("sqs.ChangeMessageVisibility").inject(gateway)
        assert extended.happened.wait(BEAT_SECONDS)
        assert hidden.happened.wait(BEAT_SECONDS)
        assert (jobs.now(job).claim_until or 0) > claim_until
        meeting.let_go()
        [ended] = end_well(jobs, [job], process)
    assert outcome(ended) == SCORED_ONCE


def test_a_claim_over_a_dead_one_counts_its_loss_once(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    job = jobs.start(QUICK)
    table = JobTable(jobs.service.dynamodb, jobs.resources.table)
    Claims(table, "a host that died").claim(job.id)
    jobs.age_claim(job, CLAIM_SECONDS + GRACE_SECONDS)
    lost = Loss("dynamodb.UpdateItem", changes("lost_claims")).inject(gateway)
    with worker(faulty, tmp_path) as process:
        [ended] = end_well(jobs, [job], process)
    assert lost.happened.is_set()
    assert outcome(ended) == (State.SUCCEEDED, 2, 0, 1)
