"""The reconciler: whatever waits for something that will not come is helped on, and nothing else is touched."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from api import reconciler, starting, waiting
from api import service as service_module
from api.service import Service
from shared import items, logs
from shared.claims import CLAIM_SECONDS, CLAIMED_CHECK_SECONDS, GRACE_SECONDS, Claims
from shared.job import ErrorCategory, Job, Role
from shared.jobs import FIRST_CHECK_SECONDS, SEND_SECONDS, patience
from shared.lives import RUN_SECONDS, UPLOAD_SECONDS
from shared.resources import DAY
from shared.states import State
from tests.clock import SettableClock
from tests.jobs_for_tests import ETAGS
from tests.unit.api.reconciling import MINUTE, deep, meanwhile, reconcile, running, sent, told, whole
from tests.unit.api.steps import GOOD, create, item, upload

if TYPE_CHECKING:
    from pydantic import JsonValue

pytestmark = pytest.mark.usefixtures("_empty_afterwards")


@pytest.fixture(autouse=True)
def _time(clock: SettableClock) -> None:
    """Every test here sets its time."""


# Before the start


def test_what_is_not_due_is_left_alone(parts: Service) -> None:
    jobs = [create().id, whole(parts).id, sent(parts).id, running(parts).id]
    before = [item(parts, job_id) for job_id in jobs]
    assert reconcile() == 0
    assert [item(parts, job_id) for job_id in jobs] == before
    assert told(parts) == []


def test_a_job_whose_upload_event_was_lost_is_started(parts: Service, clock: SettableClock) -> None:
    job = whole(parts)
    clock.move(FIRST_CHECK_SECONDS)
    assert reconcile() == 1
    assert parts.jobs.get(job.id).state is State.QUEUED
    assert told(parts) == [job.id]


def test_a_job_without_its_files_is_looked_at_each_time_its_age_has_doubled(
    parts: Service, clock: SettableClock
) -> None:
    job, born, looks = create(), clock.now, []
    while parts.jobs.get(job.id).state is State.AWAITING_UPLOAD:
        clock.now = float(str((item(parts, job.id) or {})["check_at"]))
        looks.append((clock.now - born) / MINUTE)
        reconcile()
    assert looks == [15, 30, 60, 120, 240, 480, 960, 1440]
    assert parts.jobs.get(job.id).state is State.EXPIRED


@pytest.mark.parametrize("files", [True, False])
def test_a_job_that_waits_for_its_call_is_not_started_and_expires_in_the_end(
    files: bool, parts: Service, clock: SettableClock
) -> None:
    job = whole(parts, {"start": "manual"}) if files else create({"start": "manual"})
    clock.move(UPLOAD_SECONDS - 1)
    reconcile()
    assert parts.jobs.get(job.id).state is State.AWAITING_UPLOAD
    clock.move(1)
    reconcile()
    found = parts.jobs.get(job.id)
    assert found.state is State.EXPIRED
    assert found.error
    assert (found.error.category, found.error.code) == (ErrorCategory.EXPIRED, "upload_deadline")
    assert told(parts) == []


def test_files_that_were_there_in_time_are_no_reason_to_expire(parts: Service, clock: SettableClock) -> None:
    job = whole(parts)
    clock.move(UPLOAD_SECONDS + 1)
    reconcile()
    assert parts.jobs.get(job.id).state is State.QUEUED


def test_bad_audio_found_late_fails_the_job(parts: Service, clock: SettableClock) -> None:
    job_id = create().id
    for content, role in zip((GOOD, b"no wav"), Role, strict=True):
        upload(parts, job_id, role, content)
    clock.move(FIRST_CHECK_SECONDS)
    reconcile()
    assert parts.jobs.get(job_id).state is State.FAILED


def test_what_cannot_be_tried_at_the_deadline_ends_an_hour_later_all_the_same(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = whole(parts)
    monkeypatch.setattr(starting, "start_by_itself", Mock(side_effect=RuntimeError("nobody foresaw this")))
    clock.move(UPLOAD_SECONDS + 1)
    reconcile()
    assert parts.jobs.get(job.id).state is State.AWAITING_UPLOAD
    clock.move(reconciler.LAST_TRY_SECONDS)
    reconcile()
    assert parts.jobs.get(job.id).state is State.EXPIRED


def test_a_job_whose_pool_is_not_served_waits_quietly_until_it_is_again(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sent(parts)
    with monkeypatch.context() as patched:
        patched.setattr(service_module, "_made", [without_pools(parts)])
        clock.move(FIRST_CHECK_SECONDS)
        assert reconcile() == 1
        assert reconcile() == 0
    clock.move(3600)
    reconcile()
    assert told(parts) == [job.id]


def test_a_job_whose_pool_is_served_no_more_ends_at_its_deadline(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sent(parts)
    monkeypatch.setattr(service_module, "_made", [without_pools(parts)])
    clock.move(RUN_SECONDS)
    reconcile()
    assert parts.jobs.get(job.id).state is State.FAILED


def without_pools(parts: Service) -> Service:
    """The service after its operator took the pool away that the jobs are in."""
    poorer = replace(parts, settings=parts.settings.model_copy(update={"pools": parts.settings.pools[1:]}))
    vars(poorer)["jobs"] = parts.jobs
    return poorer


def test_a_start_that_a_quota_refused_is_tried_again_at_midnight(parts: Service, clock: SettableClock) -> None:
    limits: dict[str, JsonValue] = {"bytes_per_day": 3 * len(GOOD)}
    acme = items.pack({"pk": "TENANT#acme", "sk": "TENANT", "limits": limits})
    parts.dynamodb.put_item(TableName=parts.table.name, Item=acme)
    first, second = whole(parts), whole(parts)
    clock.move(FIRST_CHECK_SECONDS)
    reconcile()
    assert sorted(parts.jobs.get(job.id).state for job in (first, second)) == [State.AWAITING_UPLOAD, State.QUEUED]
    (late,) = [job for job in (first, second) if parts.jobs.get(job.id).state is State.AWAITING_UPLOAD]
    midnight = (clock.now // DAY + 1) * DAY
    assert (item(parts, late.id) or {})["check_at"] == midnight
    clock.now = midnight
    reconcile()
    assert parts.jobs.get(late.id).state is State.QUEUED
    assert late.id in told(parts)


def test_a_job_that_was_started_meanwhile_does_not_expire(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = parts.jobs.get(create().id)
    clock.move(UPLOAD_SECONDS)
    meanwhile(parts, monkeypatch, job, lambda: parts.jobs.queue(job, ETAGS))
    assert parts.jobs.get(job.id).state is State.QUEUED


# Queued


def test_a_message_that_was_never_sent_is_sent_once(parts: Service, clock: SettableClock) -> None:
    job = whole(parts)
    parts.jobs.queue(job, ETAGS)  # and there the function died
    reconcile()
    assert told(parts) == []
    clock.move(SEND_SECONDS)
    reconcile()
    reconcile()
    assert told(parts) == [job.id]


def test_a_lost_message_is_sent_again_after_a_quarter_of_an_hour_and_each_time_twice_as_late(
    parts: Service, clock: SettableClock
) -> None:
    job, born, sends = sent(parts), clock.now, []
    deep(parts, 1)  # so that the lane is not empty as a whole
    for _ in range(3):
        clock.now = float(str((item(parts, job.id) or {})["check_at"]))
        assert reconcile() == 1
        sends.append((clock.now - born) / MINUTE)
    assert sends == [15, 15 + 30, 15 + 30 + 60]
    assert parts.jobs.get(job.id).sends == 4


def test_a_message_in_a_lane_that_became_deep_is_given_its_time(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, queued_at = sent(parts), clock.now
    clock.move(FIRST_CHECK_SECONDS)
    monkeypatch.setattr(waiting, "expected_wait", lambda *_: 3600.0)
    assert reconcile() == 1
    assert told(parts) == []
    assert (item(parts, job.id) or {})["check_at"] == queued_at + patience(3600) == queued_at + 3 * 3600


def test_however_often_it_was_sent_its_deadline_is_not_overlooked(parts: Service) -> None:
    queued = sent(parts)
    parts.jobs.sent(queued.model_copy(update={"sends": 8}), expected_wait=3600)
    assert parts.jobs.get(queued.id).check_at == queued.run_deadline


def test_however_deep_its_lane_is_its_deadline_is_not_overlooked(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sent(parts)
    monkeypatch.setattr(waiting, "expected_wait", lambda *_: 30.0 * DAY)
    clock.move(FIRST_CHECK_SECONDS)
    reconcile()
    assert parts.jobs.get(job.id).check_at == job.run_deadline


@pytest.mark.parametrize("bring_on", [sent, running])
def test_a_job_that_nobody_came_to_in_time_fails_and_may_be_replayed(
    bring_on: Callable[[Service], Job], parts: Service, clock: SettableClock
) -> None:
    job = bring_on(parts)
    clock.move(RUN_SECONDS)
    reconcile()
    found = parts.jobs.get(job.id)
    assert found.error
    assert (found.state, found.error.category, found.error.code) == (
        State.FAILED, ErrorCategory.SERVICE, "run_deadline",
    )  # fmt: skip
    assert found.check_at == clock.now + 14 * DAY
    assert told(parts) == []


def test_a_job_that_was_claimed_meanwhile_is_not_failed(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sent(parts)
    clock.move(RUN_SECONDS)
    meanwhile(parts, monkeypatch, job, lambda: Claims(parts.table, "host-a", clock).claim(job.id))
    assert parts.jobs.get(job.id).state is State.RUNNING


# Running


def test_a_live_claim_is_left_alone(parts: Service, clock: SettableClock) -> None:
    job = running(parts)
    clock.move(CLAIMED_CHECK_SECONDS)
    extended = Claims(parts.table, "host-a", clock).extend(job)
    assert reconcile() == 1
    found = parts.jobs.get(job.id)
    assert (found.state, found.claim_until) == (State.RUNNING, extended.claim_until)
    assert found.check_at == clock.now + CLAIMED_CHECK_SECONDS
    assert told(parts) == []


def test_a_live_claim_past_the_deadline_is_left_alone_too(parts: Service, clock: SettableClock) -> None:
    job = running(parts)
    clock.move(RUN_SECONDS)
    Claims(parts.table, "host-a", clock).extend(job)
    reconcile()
    assert parts.jobs.get(job.id).state is State.RUNNING


def test_over_a_dead_claim_a_message_is_sent_and_another_worker_goes_on(parts: Service, clock: SettableClock) -> None:
    job = running(parts)
    clock.move(max(CLAIMED_CHECK_SECONDS, CLAIM_SECONDS + GRACE_SECONDS))
    reconcile()
    assert told(parts) == [job.id]
    assert Claims(parts.table, "host-b", clock).claim(job.id).attempt == 2
    assert reconcile() == 0


def test_a_worker_that_comes_back_at_the_last_moment_keeps_its_job(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running(parts)
    clock.move(RUN_SECONDS)
    meanwhile(parts, monkeypatch, job, lambda: Claims(parts.table, "host-a", clock).extend(job))
    assert parts.jobs.get(job.id).state is State.RUNNING


# The run as a whole


def test_one_that_fails_stands_in_no_others_way(
    parts: Service, clock: SettableClock, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "log", logs.get("api.reconciler"))
    jobs = [sent(parts) for _ in range(3)]
    key = {"pk": f"JOB#{jobs[1].id}", "sk": "JOB"}
    parts.dynamodb.update_item(  # of a later release, say
        TableName=parts.table.name,
        Key=items.pack(dict(key)),
        UpdateExpression="SET #state = :strange",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues=items.pack({":strange": "dissolved"}),
    )
    clock.move(FIRST_CHECK_SECONDS)
    reconcile()
    assert sorted(told(parts)) == sorted([jobs[0].id, jobs[2].id])
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [line["key"] for line in lines if line["event"] == "not_reconciled"] == [key["pk"]]


def test_a_run_ends_when_its_time_is_over(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(parts)
    clock.move(FIRST_CHECK_SECONDS)
    monkeypatch.setattr(reconciler, "BUDGET_SECONDS", -1.0)
    assert reconcile() == 0
    assert told(parts) == []
