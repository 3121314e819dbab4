"""What becomes of a piece of work: written to the table once its begin is, and its message settled after it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock, create_autospec

import boto3
import pytest
from structlog.testing import capture_logs

from shared.claims import CLAIM_SECONDS, GRACE_SECONDS, MAX_FAILURES, Claims
from shared.errors import Overtaken
from shared.job import Job
from shared.jobs import Jobs
from shared.pools import Lane
from shared.result import Advice
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job
from tests.unit.answering_aws import AnsweringAws, Said
from worker.accounts import Accounts
from worker.breaker import Breaker
from worker.clock import Clock
from worker.committer import ENGINE_WARNING, RETRY_SECONDS, Committer
from worker.engines.engine import Description, EngineError, FailureClass, Score
from worker.job_files import JobFiles
from worker.keeper import Keeper
from worker.messages import Messages
from worker.patience import Patience
from worker.work import Crashed, Failed, Findings, Message, Outcome, Scored, Work

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

ADVICE = Advice(code="short_speech", message="The speech is short.")


class BegunLate(Future[Job]):
    """A note that an attempt began which is written only when somebody waits for it: the slowest there is."""

    def __init__(self, claims: Claims, job: Job) -> None:
        super().__init__()
        self._claims = claims
        self._job = job

    def result(self, timeout: float | None = None) -> Job:
        if not self.done():
            self.set_result(self._claims.begin(self._job))
        return super().result(timeout)


@pytest.fixture
def s3(dynamodb: DynamoDBClient) -> S3Client:
    """On the same moto as the table."""
    return boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def bucket(s3: S3Client) -> str:
    name = f"test-{secrets.token_hex(4)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def messages() -> Mock:
    made: Mock = create_autospec(Messages, instance=True)
    return made


@pytest.fixture
def committer(claims: Claims, messages: Mock, s3: S3Client, bucket: str, clock: SettableClock) -> Committer:
    return Committer(
        claims=claims,
        messages=messages,
        breaker=create_autospec(Breaker, instance=True),
        files=create_autospec(JobFiles, instance=True),
        keeper=create_autospec(Keeper, instance=True),
        accounts=create_autospec(Accounts, instance=True),
        clock=Clock(clock, clock),
        s3=s3,
        bucket=bucket,
        engine=Description("stand-in", "1.0", (), "wb"),
        patience=Patience(),
    )


@pytest.fixture
def work(jobs: Jobs, claims: Claims) -> Iterator[Work]:
    job = claims.claim(jobs.queue(jobs.create(new_job()), ETAGS).id)
    message = Message(id=secrets.token_hex(4), lane=Lane.INTERACTIVE, body="", receipt="", receives=1)
    findings = Findings(Path("r"), Path("d"), 1.0, audio={}, warnings=[ADVICE], prepared=[], silent=False)
    held = Work(message, job=job, findings=findings)
    yield held
    held.cancelled.close()


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Scored(Score(3.0)), State.SUCCEEDED),
        (Crashed("seat_died"), State.QUEUED),
        (Failed(EngineError(FailureClass.TRANSIENT, "odd", "It is.")), State.QUEUED),
        (Failed(EngineError(FailureClass.BAD_INPUT, "bad", "It is.")), State.FAILED),
    ],
    ids=["scored", "crashed", "transient", "bad input"],
)
def test_nothing_is_written_of_an_attempt_before_it_is_noted_as_begun(
    committer: Committer, work: Work, claims: Claims, jobs: Jobs, outcome: Outcome, state: State
) -> None:
    work.begun = BegunLate(claims, work.claimed)
    committer.finish((work, outcome))
    job = jobs.get(work.claimed.id)
    assert (job.state, job.begun_attempt) == (state, job.attempt)


@pytest.mark.parametrize(
    "outcome",
    [Failed(EngineError(FailureClass.TRANSIENT, "odd", "No /var/lib/jobs/degraded.wav.")), Crashed("odd")],
    ids=["transient", "crashed"],
)
def test_a_client_is_told_the_code_of_the_last_attempt_and_nothing_of_the_host(
    committer: Committer, work: Work, jobs: Jobs, outcome: Outcome
) -> None:
    work.job = work.claimed.model_copy(update={"failures": MAX_FAILURES - 1})
    committer.finish((work, outcome))
    error = jobs.get(work.claimed.id).error
    assert error
    assert "`odd`" in error.message
    assert "/" not in error.message


def test_an_attempt_that_was_overtaken_before_it_was_noted_commits_nothing(
    committer: Committer, work: Work, jobs: Jobs, s3: S3Client, bucket: str
) -> None:
    before = jobs.get(work.claimed.id)
    work.begun = Future()
    work.begun.set_exception(Overtaken(before))
    committer.finish((work, Scored(Score(3.0))))
    assert jobs.get(work.claimed.id) == before
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_what_the_engine_warns_of_follows_the_advice_about_the_audio(
    committer: Committer, work: Work, jobs: Jobs, s3: S3Client, bucket: str
) -> None:
    committer.finish((work, Scored(Score(3.0, warnings=("too loud", "too long")))))
    job = jobs.get(work.claimed.id)
    assert job.result
    assert job.result_key
    warnings = [ADVICE, *(Advice(code=ENGINE_WARNING, message=words) for words in ("too loud", "too long"))]
    assert job.result.warnings == warnings
    document = json.loads(s3.get_object(Bucket=bucket, Key=job.result_key)["Body"].read())
    assert document["warnings"] == [warning.model_dump() for warning in warnings]
    assert document["details"] == {}


def test_the_message_of_a_job_that_ended_is_deleted(committer: Committer, work: Work, messages: Mock) -> None:
    committer.finish((work, Scored(Score(3.0))))
    messages.delete.assert_called_once_with(work.message)


def test_an_error_that_nobody_foresaw_counts_a_failure_and_the_job_comes_again_soon(
    committer: Committer, work: Work, jobs: Jobs, messages: Mock
) -> None:
    work.findings = None  # so that its result cannot be made
    committer.finish((work, Scored(Score(3.0))))
    job = jobs.get(work.claimed.id)
    assert (job.state, job.failures, job.claim_until) == (State.QUEUED, 1, None)
    [call] = messages.show_in.call_args_list
    assert RETRY_SECONDS[0] <= call.args[1] <= RETRY_SECONDS[1]


def test_a_begin_that_could_not_be_noted_for_an_unforeseen_reason_does_not_leave_the_job_to_its_claims_end(
    committer: Committer, work: Work, jobs: Jobs
) -> None:
    work.begun = Future()
    work.begun.set_exception(KeyError("unforeseen"))
    committer.finish((work, Scored(Score(3.0))))
    assert jobs.get(work.claimed.id).state is State.QUEUED


def test_an_unforeseen_error_of_a_job_that_is_anothers_by_now_changes_nothing_of_it(
    committer: Committer, work: Work, jobs: Jobs, other_claims: Claims, clock: SettableClock
) -> None:
    clock.move(CLAIM_SECONDS + GRACE_SECONDS)
    theirs = other_claims.claim(work.claimed.id)
    work.findings = None
    committer.finish((work, Scored(Score(3.0))))
    assert jobs.get(work.claimed.id) == theirs


def test_an_overtaken_result_that_may_not_be_removed_holds_up_nothing(
    committer: Committer, work: Work, jobs: Jobs, s3: S3Client, bucket: str
) -> None:
    work.begun = Future()
    work.begun.set_result(work.claimed)
    jobs.cancel(work.claimed)
    answers = iter([Said(form="xml")])  # the put goes well
    AnsweringAws([s3], lambda _: next(answers, Said(403, "AccessDenied", form="xml")))
    with capture_logs() as lines:
        committer.finish((work, Scored(Score(3.0))))
    assert [line["event"] for line in lines if line["log_level"] == "warning"][-1] == "result_left"
    assert jobs.get(work.claimed.id).state is State.CANCELLED
