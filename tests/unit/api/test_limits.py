"""What a tenant may use is what its item says; what is more is 429, and a start that nobody asked for is put off."""

from __future__ import annotations

import math
import secrets
import time

from api.documents import timestamp
from api.service import Service
from shared import items
from shared.job import Role
from shared.lives import HOUR
from shared.resources import DAY
from shared.states import State
from tests.clock import SettableClock
from tests.requests import request
from tests.unit.api.reconciling import reconcile, told
from tests.unit.api.steps import GOOD, all_messages, create, document, get, item, start, upload
from tests.unit.api.test_intake import arrive


def tenant_with(parts: Service, **limits: int) -> str:
    """The key of a new tenant, which has these limits of its own."""
    key_id, tenant = secrets.token_hex(8), secrets.token_hex(8)
    key = items.pack({"pk": f"KEY#{key_id}", "sk": "KEY", "tenant": tenant})
    owner = items.pack({"pk": f"TENANT#{tenant}", "sk": "TENANT", "limits": dict(limits)})
    for one in (key, owner):
        parts.dynamodb.put_item(TableName=parts.table.name, Item=one)
    return key_id


def test_a_tenant_at_its_own_daily_limit_is_429_until_midnight_and_others_are_not(parts: Service) -> None:
    key_id = tenant_with(parts, jobs_per_day=1)
    create(key_id=key_id)
    answer = request("POST", "/v1/jobs", {}, key_id=key_id)
    assert answer.status == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "urn:mosaic:problem:quota_exceeded"
    assert (answer.body["quota"], answer.body["limit"]) == ("jobs_per_day", 1)
    assert abs(int(answer.headers["Retry-After"]) - (DAY - time.time() % DAY)) < 60
    assert create().state is State.AWAITING_UPLOAD


def test_a_tenant_with_all_its_jobs_in_flight_is_429_without_a_time(parts: Service) -> None:
    key_id = tenant_with(parts, in_flight=1)
    create(key_id=key_id)
    answer = request("POST", "/v1/jobs", {}, key_id=key_id)
    assert (answer.status, answer.body["quota"]) == (429, "in_flight")
    assert "Retry-After" not in answer.headers


def test_a_start_over_the_days_bytes_is_429_and_the_job_waits_on(parts: Service) -> None:
    key_id = tenant_with(parts, bytes_per_day=2 * len(GOOD) - 1)
    job = create({"start": "manual"}, key_id=key_id)
    for role in Role:
        upload(parts, job.id, role)
    before = item(parts, job.id)
    answer = start(job.id, key_id=key_id)
    assert (answer.status, answer.body["quota"]) == (429, "bytes_per_day")
    assert item(parts, job.id) == before
    assert all_messages(parts) == []


def test_an_upload_whose_start_a_quota_refuses_is_taken_and_its_job_tried_again_at_midnight(parts: Service) -> None:
    job = create(key_id=tenant_with(parts, bytes_per_day=2 * len(GOOD) - 1))
    assert [arrive(parts, job.id, role) for role in Role] == [[], []]
    found = parts.jobs.get(job.id)
    assert found.state is State.AWAITING_UPLOAD
    midnight = math.ceil(time.time() / DAY) * DAY
    assert found.check_at is not None
    assert abs(found.check_at - min(midnight, found.upload_deadline)) < 60
    assert all_messages(parts) == []


def waiting_for_a_quota(parts: Service, clock: SettableClock) -> tuple[str, str]:
    """A job with both files, put off an hour before midnight; and its tenant's key."""
    clock.now = math.ceil(clock.now / DAY) * DAY - HOUR
    key_id = tenant_with(parts, bytes_per_day=2 * len(GOOD))
    for job_id in (create(key_id=key_id).id for _ in range(2)):
        assert [arrive(parts, job_id, role) for role in Role] == [[], []]
    assert len(all_messages(parts)) == 1
    return job_id, key_id


def test_a_job_that_waits_for_a_quota_says_so_and_until_when(parts: Service, clock: SettableClock) -> None:
    job_id, key_id = waiting_for_a_quota(parts, clock)
    answer = get(job_id, key_id=key_id)
    midnight = timestamp(clock.now + HOUR)
    assert answer.body["waits_for"] == {"quota": "bytes_per_day", "resets_at": midnight}
    assert answer.headers["Retry-After"] == "60"
    clock.move(HOUR - 30)
    assert get(job_id, key_id=key_id).headers["Retry-After"] == "30"


def test_it_starts_as_the_quota_begins_anew_and_says_no_more(parts: Service, clock: SettableClock) -> None:
    job_id, key_id = waiting_for_a_quota(parts, clock)
    clock.move(HOUR)
    reconcile()
    answer = get(job_id, key_id=key_id)
    assert (answer.body["state"], answer.body["waits_for"]) == ("queued", None)
    assert job_id in told(parts)


def test_its_deadline_waits_for_the_quota_but_not_for_ever(parts: Service, clock: SettableClock) -> None:
    born = clock.now = math.ceil(clock.now / DAY) * DAY + 12 * HOUR
    key_id = tenant_with(parts, bytes_per_day=2 * len(GOOD) - 1)
    job = create({"start": "auto"}, key_id=key_id)
    clock.move(23 * HOUR)
    assert [arrive(parts, job.id, role) for role in Role] == [[], []]
    clock.move(2 * HOUR)
    reconcile()
    assert parts.jobs.get(job.id).state is State.AWAITING_UPLOAD
    clock.now = born + 2 * DAY
    reconcile()
    found = document(get(job.id, key_id=key_id))
    assert (found.state, found.waits_for) == (State.EXPIRED, None)
    assert found.error
    assert "the quota bytes_per_day was used up" in found.error.message


def test_an_item_too_many_for_a_batch_is_429_on_its_own(parts: Service) -> None:
    key_id = tenant_with(parts, batch_items=2)
    batch = request("POST", "/v1/batches", {}, key_id=key_id).body["id"]
    body = {"jobs": [{"custom_id": "a"}, {"custom_id": "b"}, {"custom_id": "c"}]}
    answer = request("POST", f"/v1/batches/{batch}/jobs", body, key_id=key_id)
    answers = answer.body["jobs"]
    assert isinstance(answers, list)
    assert [one["status"] for one in answers] == [201, 201, 429]
    assert answers[2]["problem"]["quota"] == "batch_items"
    assert "into another" in answers[2]["problem"]["detail"]
