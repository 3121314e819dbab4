"""A batch that is deleted goes with all that belonged to it; a job of it that is, goes out of its results too."""

from __future__ import annotations

import json
from io import TextIOWrapper
from typing import Any

import pytest

from api import batch_items, batch_removal, batch_results, batch_starter, janitor
from api.service import Service
from api.tenants import Tenant
from shared import batch_counts
from shared.batches import REWRITE_SECONDS, Batch
from shared.job import Job, Role
from shared.job_table import job_key
from shared.limits import Limits
from shared.object_keys import batch_results_key, upload_key
from shared.states import State
from tests.clock import SettableClock
from tests.requests import Answer, request
from tests.unit.api.changes import changed, tell
from tests.unit.api.reconciling import reconcile
from tests.unit.api.steps import BUCKET, GLOBEX, bring, stored, upload
from tests.unit.api.test_batch_results import ended_batch, fetch
from tests.unit.api.test_batches import add, drain, new_batch, show, start, work_off
from tests.unit.api.test_intake import deliver, told

pytestmark = pytest.mark.usefixtures("_empty_afterwards")


def delete(batch: str, **who: str) -> Answer:
    return request("DELETE", f"/v1/batches/{batch}", **who)  # type: ignore[arg-type]


def batch_item(parts: Service, batch: str) -> dict[str, Any]:
    return parts.table.read({"pk": f"BATCH#{batch}", "sk": "META"}) or {}


def delete_and_tell(parts: Service, batch: str) -> None:
    """Delete a batch; the stream tells of it."""
    item = batch_item(parts, batch)
    assert delete(batch).status == 204
    assert tell(changed(item, None)) == []


def delete_job_and_tell(parts: Service, job_id: str) -> None:
    """Delete an ended job; the stream tells of it."""
    item = parts.table.read(job_key(job_id))
    parts.jobs.delete(parts.jobs.get(job_id))
    assert tell(changed(item, None)) == []


def remove_all(parts: Service, batch: str) -> None:
    """One pass of the removal."""
    after = None
    while True:
        _, after = batch_removal.remove_page(parts, batch, after)
        if after is None:
            return


def objects(parts: Service, batch: str) -> set[str]:
    listed = parts.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"results/{batch}/").get("Contents", [])
    return {found["Key"] for found in listed}


def results_of(parts: Service, batch: str) -> set[str]:
    return {json.loads(line)["job"] for line in fetch(parts, batch, "jsonl").splitlines()}


def test_it_is_404_from_then_on_like_one_that_never_was(parts: Service) -> None:
    batch, _ = ended_batch(parts)
    work_off(parts)
    delete_and_tell(parts, batch)
    for method, tail, body in (
        ("GET", "", None),
        ("GET", "/results", None),
        ("POST", "/start", None),
        ("POST", "/jobs", {"jobs": [{"custom_id": "a"}]}),
        ("DELETE", "", None),
    ):
        assert request(method, f"/v1/batches/{batch}{tail}", body).status == 404
    assert request("GET", "/v1/jobs", query={"batch": batch}).body["jobs"] == []
    assert objects(parts, batch) == set()


def test_anothers_cannot_be_deleted(parts: Service) -> None:
    batch = new_batch()
    assert delete(batch, key_id=GLOBEX).status == 404
    assert show(batch)["state"] == "open"


def test_its_jobs_go_with_it_whatever_they_are_doing(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_removal, "PAGE", 2)
    monkeypatch.setattr(batch_removal, "THREADS", 1)  # which is what moto is right for
    monkeypatch.setattr(batch_starter, "LAG_SECONDS", 0)
    batch, other = new_batch(), new_batch()
    states = [State.AWAITING_UPLOAD, State.QUEUED, State.RUNNING, State.SUCCEEDED, State.FAILED]
    jobs = [one["job"]["id"] for one in add(batch, *({"custom_id": state} for state in states))]
    for job_id, state in zip(jobs, states, strict=True):
        bring(parts, job_id, state)
    (kept,) = add(other, {"custom_id": "kept"})
    images = {job_id: parts.table.read(job_key(job_id)) for job_id in jobs}
    delete_and_tell(parts, batch)
    written = batch_results_key(batch, "csv")
    parts.s3.put_object(Bucket=BUCKET, Key=written, Body=b"")  # which was being written as it went
    work_off(parts)
    assert objects(parts, batch) == set()
    assert [parts.table.read(job_key(job_id)) for job_id in jobs] == [None] * 5
    assert parts.jobs.get(kept["job"]["id"]).state is State.AWAITING_UPLOAD
    assert tell(*(changed(image, None) for image in images.values())) == []
    assert batch_counts.read(parts.table, batch).jobs == 0


def test_results_that_were_being_written_as_it_went_go_too(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, _ = ended_batch(parts)
    put = batch_results._put

    def put_as_it_goes(*given: object) -> None:
        if batch_item(parts, batch):
            delete_and_tell(parts, batch)
        put(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(batch_results, "_put", put_as_it_goes)
    work_off(parts)
    assert objects(parts, batch) == set()


def test_who_asks_for_results_that_are_going_is_told_that_there_is_no_such_batch(parts: Service) -> None:
    batch, _ = ended_batch(parts)
    work_off(parts)
    janitor.clear_batch(parts, batch)
    answer = request("GET", f"/v1/batches/{batch}/results")
    assert (answer.status, answer.body["type"]) == (404, "urn:mosaic:problem:unknown_batch")


def test_one_that_cannot_be_removed_stands_in_no_others_way(
    parts: Service, monkeypatch: pytest.MonkeyPatch, clock: SettableClock
) -> None:
    monkeypatch.setattr(batch_removal, "THREADS", 1)
    batch = new_batch()
    odd, other = (one["job"]["id"] for one in add(batch, {"custom_id": "odd"}, {"custom_id": "other"}))
    bring(parts, odd, State.CANCELLED)
    delete_and_tell(parts, batch)
    drain(parts)
    delete_one = parts.jobs.delete

    def refuse(job: Job) -> None:
        if job.id == odd:
            raise ConnectionError("no route")
        delete_one(job)

    with monkeypatch.context() as patched:
        patched.setattr(parts.jobs, "delete", refuse)
        assert batch_removal.remove_page(parts, batch, None) == (1, None)
    assert parts.table.read(job_key(other)) is None
    clock.move(3600)
    reconcile()
    assert parts.table.read(job_key(odd)) is None


def test_an_item_that_comes_as_it_goes_is_refused_and_leaves_nothing(parts: Service) -> None:
    batch = parts.batches.get(new_batch())
    parts.batches.delete(batch)
    answer = batch_items.add(parts, Tenant("acme", Limits()), batch, {"custom_id": "late"}, parts.references.use)
    assert (answer.status, answer.job) == (404, None)
    assert batch_counts.read(parts.table, batch.id).jobs == 0


def test_files_that_come_for_it_later_start_nothing_and_go(parts: Service) -> None:
    batch = new_batch()
    job_id = add(batch, {"custom_id": "a"})[0]["job"]["id"]
    start(batch)
    drain(parts)
    delete_and_tell(parts, batch)
    for role in Role:
        upload(parts, job_id, role)
    assert deliver(told(upload_key(job_id, Role.DEGRADED))) == []
    assert parts.jobs.get(job_id).state is State.AWAITING_UPLOAD
    remove_all(parts, batch)
    assert deliver(told(upload_key(job_id, Role.REFERENCE)), told(upload_key(job_id, Role.DEGRADED))) == []
    assert stored(parts, job_id) == set()


# One job of it


def test_the_results_of_an_ended_batch_are_written_anew_once_without_the_jobs_that_were_deleted(
    parts: Service, clock: SettableClock
) -> None:
    batch, jobs = ended_batch(parts)
    work_off(parts)
    assert results_of(parts, batch) == set(jobs.values())
    for name in ("good", "bad"):
        delete_job_and_tell(parts, jobs[name])
        clock.move(REWRITE_SECONDS - 1)
        assert request("GET", f"/v1/batches/{batch}/results").status == 409
        reconcile()
        assert drain(parts) == []
    clock.move(1)
    reconcile()
    work_off(parts)
    assert results_of(parts, batch) == {jobs["gone"]}


def test_one_that_is_deleted_while_they_are_written_is_not_left_in_them(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, jobs = ended_batch(parts)
    fill = batch_results._fill

    def meanwhile(service: Service, seen: Batch, lines: TextIOWrapper, table: TextIOWrapper) -> int:
        written = fill(service, seen, lines, table)
        delete_job_and_tell(parts, jobs["good"])
        return written

    with monkeypatch.context() as patched:
        patched.setattr(batch_results, "_fill", meanwhile)
        work_off(parts)
    assert not parts.batches.get(batch).results
    clock.move(REWRITE_SECONDS)
    reconcile()
    work_off(parts)
    assert results_of(parts, batch) == {jobs["bad"], jobs["gone"]}


def test_jobs_whose_life_is_over_with_their_batchs_have_nothing_written_anew(
    parts: Service, clock: SettableClock
) -> None:
    batch, jobs = ended_batch(parts)
    work_off(parts)
    ended = parts.batches.get(batch)
    clock.now = float(ended.expires_at)
    delete_job_and_tell(parts, jobs["good"])
    assert parts.batches.get(batch) == ended
