"""Waiting for a job, and scoring in one call."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from mosaic import (
    Job,
    JobEnded,
    JobFailed,
    Mosaic,
    MosaicError,
    NotFound,
    ServerError,
    State,
    Unauthorized,
    Unreachable,
    WaitTimeout,
)

from tests.unit.client.fake_service import KEY, LOST, FakeService, Reply, problem
from tests.unit.client.idle_clock import IdleClock


@pytest.fixture
def job(mosaic: Mosaic, reference: Path, degraded: Path) -> Job:
    return mosaic.create(reference, degraded)


def test_polls_as_often_as_the_service_asks(mosaic: Mosaic, service: FakeService, idle: IdleClock, job: Job) -> None:
    service.retry_after = "7"
    seen: list[State] = []
    ended = mosaic.wait(job, on_poll=lambda polled: seen.append(polled.state))
    assert seen == [State.QUEUED, State.RUNNING, State.SUCCEEDED]
    assert idle.naps == [7, 7]
    assert ended.result is not None
    assert ended.result.mos_lqo == 3.3124


def test_polls_each_second_where_nothing_is_asked(
    mosaic: Mosaic, service: FakeService, idle: IdleClock, job: Job
) -> None:
    service.retry_after = None
    mosaic.wait(job.id)
    assert idle.naps == [1, 1]


def test_asking_too_often_waits_as_told(mosaic: Mosaic, service: FakeService, idle: IdleClock, job: Job) -> None:
    service.will("GET", problem(429, "Too early.", {"retry-after": "11"}))
    assert mosaic.wait(job).state is State.SUCCEEDED
    assert idle.naps == [11, 2, 2]


def test_faults_of_network_and_service_do_not_end_the_waiting(
    mosaic: Mosaic, service: FakeService, idle: IdleClock, job: Job
) -> None:
    service.will("GET", LOST, problem(502, "Bad."), problem(503, "Busy."), problem(504, "Late."), *[LOST] * 4)
    assert mosaic.wait(job).state is State.SUCCEEDED
    assert max(idle.naps) <= 8


def test_each_failure_that_is_followed_by_another_attempt_is_told(
    service: FakeService, idle: IdleClock, reference: Path, degraded: Path
) -> None:
    told: list[type[MosaicError]] = []
    with Mosaic(service.url, KEY, clock=idle, on_retry=lambda failure: told.append(type(failure))) as mosaic:
        service.will("POST /v1/jobs", LOST)
        service.will("POST /storage", LOST)
        service.will("GET", problem(503, "Busy."))
        mosaic.score(reference, degraded)
        assert told == [Unreachable, Unreachable, ServerError]
        service.will("GET", *[LOST] * 5)
        with pytest.raises(Unreachable):
            mosaic.get("0" * 32)
    assert told[3:] == [Unreachable] * 4


def test_time_is_up_on_time_with_the_job_as_last_seen(
    mosaic: Mosaic, service: FakeService, idle: IdleClock, job: Job
) -> None:
    service.states = ["running"]
    service.retry_after = "60"
    with pytest.raises(WaitTimeout, match="still running after 100 s") as caught:
        mosaic.wait(job, timeout=100)
    assert idle.naps == [60, 40]
    assert caught.value.job_id == job.id
    assert caught.value.job is not None
    assert caught.value.job.state is State.RUNNING


def test_a_job_that_ended_in_the_last_moment_has_ended(mosaic: Mosaic, service: FakeService, job: Job) -> None:
    service.states = ["running", "succeeded"]
    service.retry_after = "60"
    assert mosaic.wait(job, timeout=10).state is State.SUCCEEDED


def test_no_time_at_all_is_one_poll(mosaic: Mosaic, service: FakeService, job: Job) -> None:
    with pytest.raises(WaitTimeout):
        mosaic.wait(job, timeout=0)
    assert len(service.asked("GET")) == 1


def test_waits_for_ever_where_told(mosaic: Mosaic, service: FakeService, idle: IdleClock, job: Job) -> None:
    service.states = ["queued"] * 200 + ["succeeded"]
    service.retry_after = "60"
    assert mosaic.wait(job, timeout=math.inf).state is State.SUCCEEDED
    assert idle.monotonic() == 200 * 60


def test_a_service_that_is_away_until_the_end_is_unreachable(mosaic: Mosaic, service: FakeService, job: Job) -> None:
    service.will("GET", *[LOST] * 1000)
    with pytest.raises(Unreachable):
        mosaic.wait(job, timeout=20)


def test_being_told_to_wait_until_the_end_is_a_timeout(mosaic: Mosaic, service: FakeService, job: Job) -> None:
    service.will("GET", *[problem(429, "Too early.", {"retry-after": "30"})] * 5)
    with pytest.raises(WaitTimeout) as caught:
        mosaic.wait(job, timeout=50)
    assert caught.value.job is None


def test_an_error_that_will_not_pass_ends_the_waiting(mosaic: Mosaic, service: FakeService, job: Job) -> None:
    service.will("GET", problem(404, "There is no such job."))
    with pytest.raises(NotFound, match="no such job"):
        mosaic.wait(job)
    assert len(service.asked("GET")) == 1


def test_a_call_gives_up_after_five_attempts(mosaic: Mosaic, service: FakeService, job: Job) -> None:
    service.will("GET", *[problem(500, "Broken.")] * 10)
    with pytest.raises(ServerError, match="Broken"):
        mosaic.get(job.id)
    assert len(service.asked("GET")) == 5


def test_a_call_told_to_wait_for_long_gives_up_at_once(
    mosaic: Mosaic, service: FakeService, idle: IdleClock, job: Job
) -> None:
    service.will("GET", problem(429, "The day's quota is used up.", {"retry-after": "7200"}))
    with pytest.raises(Exception, match="quota") as caught:
        mosaic.get(job.id)
    assert getattr(caught.value, "retry_after", None) == 7200
    assert idle.naps == []


def test_start_is_repeated_after_a_lost_answer(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded, start="manual")
    service.will("POST /v1/jobs/ID/start", LOST)
    assert mosaic.start(job).state is State.QUEUED
    assert len(service.asked("POST", f"{job.id}/start")) == 2


def test_score_is_create_upload_and_wait(mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path) -> None:
    result = mosaic.score(reference, degraded, mode="wb")
    assert (result.mos_lqo, result.engine.name, result.engine.version) == (3.3124, "visqol", "3.8.0")
    assert [advice.code for advice in result.warnings] == ["short_speech"]
    assert len(service.uploads()) == 2


def test_score_of_a_job_that_failed_says_why(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.states = ["failed"]
    with pytest.raises(JobFailed, match="2 channels") as caught:
        mosaic.score(reference, degraded)
    assert caught.value.job.error is not None
    assert (caught.value.job.error.code, caught.value.job.error.file) == ("stereo", "degraded")


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_score_of_a_job_that_was_ended_is_no_failure(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path, end: str
) -> None:
    service.states = [end]
    service.error = {"category": end, "code": end, "message": "It was ended."}
    with pytest.raises(JobEnded) as caught:
        mosaic.score(reference, degraded)
    assert not isinstance(caught.value, JobFailed)


def test_nobody_listening_is_unreachable(idle: IdleClock, service: FakeService) -> None:
    with Mosaic("http://127.0.0.1:1", KEY, clock=idle) as mosaic, pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        mosaic.get("0" * 32)
    assert len(idle.naps) == 4


def test_a_wrong_key_is_unauthorized(idle: IdleClock, service: FakeService) -> None:
    with Mosaic(service.url, "another", clock=idle) as mosaic, pytest.raises(Unauthorized):
        mosaic.get("0" * 32)


def test_no_answer_is_followed_to_another_place(mosaic: Mosaic, service: FakeService, job: Job) -> None:
    service.will("GET", Reply(302, {}, {"location": f"{service.url}/v1/jobs/{job.id}"}))
    with pytest.raises(Exception, match="HTTP 302"):
        mosaic.get(job.id)
    assert len(service.asked("GET")) == 1
