"""What cannot be started now stands in nobody's way: not in its batch's, nor in that of the news that told of it."""

from __future__ import annotations

import pytest

from api import batch_starter, starting
from api import service as service_module
from api.service import Service
from shared.job import Job, Role
from shared.lives import HOUR
from shared.object_keys import upload_key
from shared.states import State
from tests.clock import SettableClock
from tests.unit.api.reconciling import reconcile
from tests.unit.api.steps import create, serving_only, upload
from tests.unit.api.test_batches import add, new_batch, show, start, upload_both, work_off
from tests.unit.api.test_intake import deliver, told


def uploaded_jobs(parts: Service, batch: str, count: int) -> list[str]:
    jobs = [str(one["job"]["id"]) for one in add(batch, *({"custom_id": str(number)} for number in range(count)))]
    for job_id in jobs:
        upload_both(parts, job_id)
    return jobs


def test_a_job_that_fails_to_start_is_tried_again_soon_and_all_others_start(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_starter, "PAGE", 2)
    batch = new_batch()
    odd, *_ = uploaded_jobs(parts, batch, 5)

    def check(service: Service, job: Job, files: object) -> None:
        if job.id == odd:
            raise RuntimeError("nobody foresaw this")

    with monkeypatch.context() as patched:
        patched.setattr(starting, "check", check)
        start(batch)
        work_off(parts)
    assert show(batch)["counts"]["queued"] == 4
    clock.move(batch_starter.RETRY_SECONDS)
    reconcile()
    assert show(batch)["counts"]["queued"] == 5


def test_a_job_whose_pool_is_served_no_more_stays_and_is_looked_at_each_hour(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = create().id
    for role in Role:
        upload(parts, job_id, role)
    left = serving_only(parts, "polqa-3")
    vars(left)["jobs"] = parts.jobs
    with monkeypatch.context() as patched:
        patched.setattr(service_module, "_made", [left])
        assert deliver(told(upload_key(job_id, Role.DEGRADED))) == []
        job = parts.jobs.get(job_id)
        assert (job.state, job.check_at) == (State.AWAITING_UPLOAD, clock() + HOUR)
    clock.move(HOUR)
    reconcile()
    assert parts.jobs.get(job_id).state is State.QUEUED


def test_a_batch_starts_what_is_served(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = new_batch()
    served = add(batch, {"custom_id": "served", "engine": "polqa", "mode": "wb"})[0]["job"]["id"]
    upload_both(parts, served)
    uploaded_jobs(parts, batch, 2)
    monkeypatch.setattr(service_module, "_made", [serving_only(parts, "polqa-3")])
    start(batch)
    work_off(parts)
    assert parts.jobs.get(served).state is State.QUEUED
    assert show(batch)["counts"]["awaiting_upload"] == 2
