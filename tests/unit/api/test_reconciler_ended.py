"""The reconciler removes the audio of what has ended, once its life is over and not before."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from api import pending, reconciler
from api import service as service_module
from api.lanes import Lanes
from api.service import Service
from shared import items
from shared.batches import OPEN_SECONDS, Batch, Batches
from shared.claims import Claims
from shared.job import Job, Role
from shared.jobs import FIRST_CHECK_SECONDS, Jobs
from shared.lives import RUN_SECONDS, STRICT, UPLOAD_SECONDS, Lives
from shared.object_keys import result_key, upload_key
from shared.resources import DAY
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS
from tests.requests import request
from tests.unit.api.reconciling import meanwhile, reconcile, sent, whole
from tests.unit.api.steps import BUCKET, SERVICE, all_messages, bring, create, item, stored, upload
from tests.unit.api.test_intake import deliver, told

ETAG = '"' + "1" * 32 + '"'

pytestmark = pytest.mark.usefixtures("_empty_afterwards")


@pytest.fixture(autouse=True)
def _time(clock: SettableClock) -> None:
    """Every test here sets its time."""


def test_an_hour_after_the_end_the_audio_goes_and_the_rest_stays_for_its_life(
    parts: Service, clock: SettableClock
) -> None:
    job = whole(parts)
    done = bring(parts, job.id, State.SUCCEEDED)
    parts.s3.put_object(Bucket=BUCKET, Key=result_key(job.id, 1), Body=b"{}")
    clock.move(3599)
    reconcile()
    assert stored(parts, job.id) == set(Role)
    clock.move(1)
    assert reconcile() == 1
    assert stored(parts, job.id) == set()
    assert parts.s3.head_object(Bucket=BUCKET, Key=result_key(job.id, 1))
    found = item(parts, job.id) or {}
    assert found["expires_at"] == done.expires_at
    assert "pending" not in found
    clock.move(DAY)
    assert reconcile() == 0


def test_what_failed_for_the_services_reasons_keeps_its_audio_for_a_fortnight(
    parts: Service, clock: SettableClock
) -> None:
    job = whole(parts)
    claims = Claims(parts.table, "host-a", clock)
    parts.jobs.sent(parts.jobs.queue(job, ETAGS))
    failed = claims.fail(claims.claim(job.id), SERVICE)
    clock.move(14 * DAY - 1)
    reconcile()
    assert stored(parts, job.id) == set(Role)
    clock.move(1)
    assert failed.expires_at
    assert failed.expires_at >= clock.now
    reconcile()
    assert stored(parts, job.id) == set()


def test_audio_that_could_not_be_removed_is_tried_again(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = whole(parts)
    bring(parts, job.id, State.CANCELLED)
    clock.move(3600)

    def refuse(**_: object) -> None:
        raise ConnectionError("no route")

    parts.s3.meta.events.register("before-send.s3.DeleteObjects", refuse)
    try:
        reconcile()
    finally:
        parts.s3.meta.events.unregister("before-send.s3.DeleteObjects", refuse)
    assert stored(parts, job.id) == set(Role)
    reconcile()
    assert stored(parts, job.id) == set()


def test_strict_lives_let_nothing_live_longer_than_an_hour(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(parts), "jobs", Jobs(parts.table, clock, STRICT))
    job = whole(parts)
    claims = Claims(parts.table, "host-a", clock, STRICT)
    parts.jobs.sent(parts.jobs.queue(job, ETAGS))
    failed = claims.fail(claims.claim(job.id), SERVICE)
    assert failed.expires_at == failed.check_at == clock.now + 3600
    clock.move(3600)
    reconcile()
    assert stored(parts, job.id) == set()


def test_what_was_deleted_meanwhile_is_no_failure(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = bring(parts, create().id, State.SUCCEEDED)
    clock.move(3600)
    meanwhile(parts, monkeypatch, done, lambda: parts.jobs.delete(done))
    assert item(parts, done.id) is None


def test_a_job_that_the_index_still_lists_and_that_is_gone_is_passed_over(parts: Service) -> None:
    done = bring(parts, create().id, State.SUCCEEDED)
    parts.jobs.delete(done)
    reconciler.look_at(parts, Lanes(parts), f"JOB#{done.id}")
    assert item(parts, done.id) is None


def test_where_the_index_is_behind_the_job_itself_is_believed(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sent(parts)
    clock.move(FIRST_CHECK_SECONDS - 1)
    before = item(parts, job.id)
    old = pending.Listed(pk=f"JOB#{job.id}", check_at=clock.now, state="queued", pool="visqol-3", sends=1)
    monkeypatch.setattr(pending, "listed", lambda _, partition, **__: [old] if partition == "P#00" else [])
    assert reconcile() == 1
    assert item(parts, job.id) == before
    assert all_messages(parts) == []


# Batches


def batch_of_one(parts: Service) -> tuple[Batch, Job]:
    """A batch with one job, whose files are stored."""
    batch_id = str(request("POST", "/v1/batches", {}).body["id"])
    answer = request("POST", f"/v1/batches/{batch_id}/jobs", {"jobs": [{"custom_id": "call-1"}]})
    (item,) = cast(list[dict[str, dict[str, str]]], answer.body["jobs"])
    for role in Role:
        upload(parts, item["job"]["id"], role)
    return parts.batches.get(batch_id), parts.jobs.get(item["job"]["id"])


def test_audio_of_a_batchs_job_stays_until_an_hour_after_the_batchs_end(parts: Service, clock: SettableClock) -> None:
    batch, job = batch_of_one(parts)
    started = parts.batches.start(batch)
    bring(parts, job.id, State.SUCCEEDED)
    for _ in range(5):
        clock.move(3600)
        reconcile()
        assert stored(parts, job.id) == set(Role)
    clock.move(1000)
    ended = parts.batches.end(started)
    due = clock.now + 3600
    clock.now = float(str((item(parts, job.id) or {})["check_at"]))
    reconcile()
    assert stored(parts, job.id) == set(Role)
    assert (item(parts, job.id) or {})["check_at"] == due  # to the second
    clock.now = due
    reconcile()
    assert stored(parts, job.id) == set()
    assert parts.jobs.get(job.id).expires_at == ended.expires_at == int(due) - 3600 + 30 * DAY


def test_a_batchs_job_outlives_its_batch_however_long_that_takes(parts: Service, clock: SettableClock) -> None:
    monthly = parts.settings.lives
    batch, job = batch_of_one(parts)
    parts.batches.start(batch)
    done = bring(parts, job.id, State.SUCCEEDED)
    assert done.expires_at
    assert done.expires_at >= clock.now + UPLOAD_SECONDS + RUN_SECONDS + monthly.batch


def test_with_strict_lives_a_batch_and_its_jobs_go_an_hour_after_its_end(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = with_lives(parts, STRICT, clock)
    monkeypatch.setattr(service_module, "_made", [strict])
    batch, job = batch_of_one(strict)
    started = strict.batches.start(batch)
    bring(strict, job.id, State.SUCCEEDED)
    clock.move(3 * 3600)  # another job of it takes so long
    reconcile()
    assert strict.jobs.get(job.id).expires_at
    ended = strict.batches.end(started)
    clock.move(3600)
    reconcile()
    assert strict.jobs.get(job.id).expires_at == ended.expires_at == int(clock.now)
    assert stored(parts, job.id) == set()


def with_lives(parts: Service, lives: Lives, clock: SettableClock) -> Service:
    other = replace(parts, settings=parts.settings.model_copy(update={"lives": lives}))
    vars(other).update(jobs=Jobs(other.table, clock, lives), batches=Batches(other.table, clock, lives))
    return other


def test_audio_of_what_ended_before_its_batch_was_started_goes_an_hour_later(
    parts: Service, clock: SettableClock
) -> None:
    _, job = batch_of_one(parts)
    bring(parts, job.id, State.CANCELLED)
    clock.move(3600)
    reconcile()
    assert stored(parts, job.id) == set()


def test_a_job_whose_batch_is_gone_goes_too(parts: Service, clock: SettableClock) -> None:
    batch, job = batch_of_one(parts)
    parts.batches.start(batch)
    bring(parts, job.id, State.CANCELLED)
    parts.dynamodb.delete_item(TableName=parts.table.name, Key=items.pack({"pk": f"BATCH#{batch.id}", "sk": "META"}))
    clock.move(3600)
    reconcile()
    assert (stored(parts, job.id), item(parts, job.id)) == (set(), None)


def test_the_same_file_uploaded_once_more_after_the_audio_has_gone_goes_too(
    parts: Service, clock: SettableClock
) -> None:
    job = parts.jobs.queue(whole(parts), dict.fromkeys(Role, ETAG))
    parts.jobs.cancel(job)
    clock.move(3600)
    reconcile()
    upload(parts, job.id, Role.DEGRADED)
    assert deliver(told(upload_key(job.id, Role.DEGRADED), etag=ETAG)) == []
    assert stored(parts, job.id) == set()


def test_a_batch_lives_on_with_its_last_job_and_its_start(parts: Service, clock: SettableClock) -> None:
    batch, _ = batch_of_one(parts)
    clock.move(20 * DAY)
    request("POST", f"/v1/batches/{batch.id}/jobs", {"jobs": [{"custom_id": "call-2"}]})
    assert parts.batches.get(batch.id).expires_at == int(clock.now) + OPEN_SECONDS
    clock.move(DAY)
    started = parts.batches.start(batch)
    assert started.expires_at == int(clock.now) + OPEN_SECONDS
    assert started.expires_at > clock.now + UPLOAD_SECONDS + RUN_SECONDS
