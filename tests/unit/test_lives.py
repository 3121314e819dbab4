"""How long things live once they have ended, and until when they are waited for."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from shared import settings
from shared.batches import Batch, Batches, BatchState
from shared.claims import Claims
from shared.job import ErrorCategory, JobError, new_job_id
from shared.job_table import JobTable
from shared.jobs import Jobs
from shared.lives import DAY, HOUR, LIVES, RUN_SECONDS, Lives, LivesSetting
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS, new_job

SERVICE = JobError(category=ErrorCategory.SERVICE, code="attempts_exhausted", message="Given up.")
BAD_INPUT = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="No speech.")
OWN = Lives(audio=2 * HOUR, job=3 * HOUR, batch=50 * DAY, replayable_audio=18 * DAY)


@pytest.mark.parametrize("in_batch", [False, True])
@pytest.mark.parametrize("error", [None, BAD_INPUT, SERVICE])
def test_no_job_goes_before_its_audio(error: JobError | None, in_batch: bool) -> None:
    for lives in (OWN, Lives(), Lives(job=HOUR, batch=HOUR)):
        assert lives.expires_at(1000.5, error, in_batch=in_batch) >= lives.audio_until(1000.5, error)


def test_audio_is_kept_for_replay_where_the_service_failed_and_nowhere_else() -> None:
    assert OWN.audio_until(1000, None) == OWN.audio_until(1000, BAD_INPUT) == 1000 + 2 * HOUR
    assert OWN.audio_until(1000, SERVICE) == 1000 + 18 * DAY
    assert OWN.expires_at(1000, SERVICE, in_batch=False) == 1000 + 18 * DAY


def test_a_job_of_a_batch_lives_as_long_as_its_batch_at_least() -> None:
    assert OWN.expires_at(1000, None, in_batch=False) == 1000 + 3 * HOUR
    assert OWN.expires_at(1000, None, in_batch=True) >= 1000 + 50 * DAY


def test_the_store_writes_these_lives(table: JobTable, clock: SettableClock) -> None:
    jobs, claims = Jobs(table, clock, OWN), Claims(table, "host-a", clock, OWN)
    cancelled = jobs.cancel(jobs.create(new_job()))
    assert (cancelled.check_at, cancelled.expires_at) == (clock() + 2 * HOUR, clock() + 3 * HOUR)
    failed = claims.fail(claims.claim(jobs.queue(jobs.create(new_job()), ETAGS).id), SERVICE)
    assert (failed.check_at, failed.expires_at) == (clock() + 18 * DAY, clock() + 18 * DAY)
    in_batch = jobs.cancel(jobs.create(new_job().model_copy(update={"batch": new_job_id()})))
    assert in_batch.expires_at == OWN.expires_at(clock(), in_batch.error, in_batch=True)


class Told(BaseModel):
    lives: LivesSetting = LIVES


def test_lives_are_told_as_json_or_by_name() -> None:
    assert settings.read(Told, {}).lives == Lives()
    assert settings.read(Told, {"MOSAIC_LIVES": '{"job": 7200}'}).lives == Lives(job=2 * HOUR)
    strict = settings.read(Told, {"MOSAIC_LIVES": "strict"}).lives
    assert set(strict.model_dump().values()) == {HOUR}


@pytest.mark.parametrize("told", ["", "lax", '"strict"', '{"job": 1}', '{"jobs": 7200}', '{"batch": 9000000}'])
def test_lives_that_are_told_wrongly_are_named(told: str) -> None:
    with pytest.raises(settings.BadSettings, match="MOSAIC_LIVES"):
        settings.read(Told, {"MOSAIC_LIVES": told})


def test_an_ended_batch_lives_for_its_time(table: JobTable, clock: SettableClock) -> None:
    batches = Batches(table, clock, OWN)
    batch = Batch(id=new_job_id(), tenant="acme", times={BatchState.OPEN: clock()}, expires_at=int(clock()) + DAY)
    batches.create(batch)
    batches.start(batch)
    clock.move(10)
    assert batches.end(batch).expires_at == clock() + 50 * DAY


def test_a_started_job_is_waited_for_nine_days_which_is_less_than_its_message_lives(
    jobs: Jobs, clock: SettableClock
) -> None:
    job = jobs.create(new_job())
    clock.move(100)
    queued = jobs.queue(job, ETAGS)
    assert queued.run_deadline == clock() + RUN_SECONDS == clock() + 9 * DAY
