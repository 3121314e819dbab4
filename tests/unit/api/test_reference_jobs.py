"""Jobs that name a stored reference: one upload each, and never another tenant's."""

from __future__ import annotations

import secrets
import time

import pytest

from api.service import Service
from shared import quotas
from shared.job import Role
from shared.limits import Quota
from shared.object_keys import reference_key
from shared.references import LIFE_SECONDS
from shared.states import State
from tests.requests import request
from tests.unit.api.reference_steps import (
    DAY,
    age,
    delete,
    document,
    fresh,
    item,
    keep,
    naming,
    sha_of,
    show,
    stamp,
)
from tests.unit.api.steps import BUCKET, GLOBEX, all_messages, calls, create, messages, start, upload
from tests.unit.api.test_batches import add, new_batch
from tests.unit.api.test_intake import deliver, told
from tests.wavs import wav


def test_a_job_that_names_it_takes_one_upload_and_starts_with_that(parts: Service) -> None:
    content = fresh()
    sha256 = keep(parts, content)
    age(parts, sha256, expires_at=int(time.time()) + 60)
    job = create(naming(sha256))
    assert set(job.uploads) == {Role.DEGRADED}
    assert (job.reference.sha256, job.reference.bytes) == (sha256, len(content))
    assert stamp(document(show(sha256)).expires_at) == pytest.approx(time.time() + LIFE_SECONDS, abs=30)
    upload(parts, job.id, Role.DEGRADED)
    assert deliver(told(f"jobs/{job.id}/degraded.wav")) == []
    found = parts.jobs.get(job.id)
    assert found.state is State.QUEUED
    assert found.reference.key == reference_key("acme", sha256)
    etag = parts.s3.head_object(Bucket=BUCKET, Key=found.reference.key)["ETag"]
    assert found.reference.etag == etag
    assert len(messages(parts)) == 1


def test_its_bytes_are_no_upload_of_the_job(parts: Service) -> None:
    job = create(naming(keep(parts, fresh())))
    before = quotas.used(parts.table, "acme")[Quota.BYTES_PER_DAY]
    upload(parts, job.id, Role.DEGRADED, wav(0.5))
    start(job.id)
    assert quotas.used(parts.table, "acme")[Quota.BYTES_PER_DAY] == before + len(wav(0.5))
    assert len(messages(parts)) == 1


def test_fresh_policies_leave_it_out(parts: Service) -> None:
    job = create(naming(keep(parts, fresh())))
    renewed = request("POST", f"/v1/jobs/{job.id}/uploads").body["uploads"]
    assert isinstance(renewed, dict)
    assert set(renewed) == {Role.DEGRADED}
    assert start(job.id).body["missing"] == ["degraded"]
    delete(str(job.reference.sha256))
    renewed = request("POST", f"/v1/jobs/{job.id}/uploads").body["uploads"]
    assert isinstance(renewed, dict)
    assert set(renewed) == {Role.DEGRADED}


def test_the_items_of_a_batch_may_name_it_and_only_looking_moves_no_life(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    age(parts, sha256, expires_at=int(time.time()) + 60)
    batch = request("POST", "/v1/batches", {}).body["id"]
    body = {"jobs": [naming(sha256, custom_id="a"), naming(sha256, custom_id="b")]}
    request("POST", f"/v1/batches/{batch}/jobs", body, query={"validate_only": "true"})
    assert stamp(document(show(sha256)).expires_at) < time.time() + DAY
    jobs = request("POST", f"/v1/batches/{batch}/jobs", body).body["jobs"]
    assert [set(answered["job"]["uploads"]) for answered in jobs] == [{"degraded"}] * 2  # type: ignore[attr-defined]
    assert stamp(document(show(sha256)).expires_at) > time.time() + DAY


def test_many_items_of_one_call_move_its_life_once(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    age(parts, sha256, expires_at=int(time.time()) + 60)
    batch = new_batch()
    with calls(parts.dynamodb, "UpdateItem") as updates:
        answers = add(batch, *({"custom_id": str(number), "reference": {"sha256": sha256}} for number in range(3)))
    assert [set(answer["job"]["uploads"]) for answer in answers] == [{"degraded"}] * 3
    assert len(updates) == 1
    assert stamp(document(show(sha256)).expires_at) == pytest.approx(time.time() + LIFE_SECONDS, abs=30)


def test_anothers_reference_is_never_a_jobs(parts: Service) -> None:
    theirs = keep(parts, fresh(), tenant="globex", key_id=GLOBEX)
    before = item(parts, theirs, "globex")
    job = create(naming(theirs))
    assert set(job.uploads) == set(Role)
    assert parts.jobs.get(job.id).reference.key == f"jobs/{job.id}/reference.wav"
    assert item(parts, theirs, "globex") == before


def test_a_degraded_file_of_that_hash_is_uploaded_all_the_same(parts: Service) -> None:
    job = create({"degraded": {"sha256": keep(parts, fresh())}})
    assert set(job.uploads) == set(Role)


def test_a_repeated_call_is_the_same_job_though_the_reference_was_stored_in_between(parts: Service) -> None:
    content, key = fresh(), secrets.token_hex(8)
    first = create(naming(sha_of(content)), idempotency_key=key)
    keep(parts, content)
    again = create(naming(sha_of(content)), idempotency_key=key)
    assert (again.id, set(again.uploads)) == (first.id, set(Role))


@pytest.mark.parametrize("way", ["call", "event"])
def test_a_job_whose_reference_was_deleted_before_it_started_fails_at_once(way: str, parts: Service) -> None:
    sha256 = keep(parts, fresh())
    job = create(naming(sha256))
    delete(sha256)
    upload(parts, job.id, Role.DEGRADED)
    if way == "call":
        answer = start(job.id)
        assert (answer.status, answer.body["rule"]) == (422, "reference_removed")
    else:
        assert deliver(told(f"jobs/{job.id}/degraded.wav")) == []
    found = parts.jobs.get(job.id)
    assert found.state is State.FAILED
    assert found.error is not None
    assert (found.error.code, found.error.file) == ("reference_removed", Role.REFERENCE)
    assert "Store it again" in found.error.message
    assert all_messages(parts) == []
