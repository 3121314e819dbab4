"""`POST /v1/score`: a small file against a stored reference, in one call."""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError

from api import tenants
from api.service import Service
from shared import items, quotas
from shared.claims import Claims
from shared.job import Role
from shared.limits import Quota
from shared.object_keys import reference_key, result_key
from shared.states import State
from shared.tenants import tenant_key
from tests.clock import now
from tests.jobs_for_tests import result
from tests.requests import Answer, request
from tests.unit.api.reference_steps import NEVER, delete, fresh, keep, sha_of
from tests.unit.api.steps import BUCKET, GLOBEX, all_messages, bring, calls, count_items, create, get, stored
from tests.unit.api.test_intake import deliver, told
from tests.unit.api.test_limits import tenant_with
from tests.wavs import wav

MOST = 4 * 1024 * 1024
TYPES = ("audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave", "Audio/WAV; charset=binary")


@pytest.fixture(scope="module")
def reference() -> bytes:
    return fresh(0.9)


@pytest.fixture
def kept(reference: bytes, parts: Service) -> str:
    return keep(parts, reference)


def score(
    audio: bytes, reference: str | None, *, media_type: str = "audio/wav", key: str | None = None, **more: str
) -> Answer:
    headers = {"content-type": media_type, **({"Idempotency-Key": key} if key else {})}
    query = {**({"reference": reference} if reference else {}), **more}
    return request("POST", "/v1/score", audio=audio, headers=headers, query=query)


def pointers(answer: Answer) -> list[str]:
    errors = answer.body["errors"]
    assert isinstance(errors, list)
    return [error["pointer"] for error in errors]


@pytest.mark.parametrize("media_type", TYPES)
def test_one_call_makes_a_job_and_queues_it(media_type: str, kept: str, parts: Service) -> None:
    audio = fresh()
    answer = score(audio, kept, media_type=media_type, label="codec=amr", mode="wb", engine="visqol")
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.body['id']}"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert (answer.body["state"], answer.body["label"], answer.body["mode"]) == ("queued", "codec=amr", "wb")
    job = parts.jobs.get(str(answer.body["id"]))
    assert job.reference.key == reference_key("acme", kept)
    assert (job.degraded.sha256, job.degraded.bytes) == (sha_of(audio), len(audio))
    found = parts.s3.get_object(Bucket=BUCKET, Key=job.degraded.key)
    assert (found["Body"].read(), found["ContentType"], found["ETag"]) == (audio, "audio/wav", job.degraded.etag)
    [message] = all_messages(parts)
    assert json.loads(message.body)["job"] == job.id


def test_the_news_of_its_own_upload_changes_nothing(kept: str, parts: Service) -> None:
    job_id = str(score(fresh(), kept).body["id"])
    assert len(all_messages(parts)) == 1
    assert deliver(told(f"jobs/{job_id}/degraded.wav")) == []
    assert all_messages(parts) == []


@pytest.mark.parametrize(
    "media_type", ["audio/mpeg", "application/json", "multipart/form-data; boundary=x", "audio", ""]
)
def test_another_type_is_415_and_nothing_is_written(media_type: str, kept: str, parts: Service) -> None:
    before = count_items(parts)
    answer = score(fresh(), kept, media_type=media_type)
    assert (answer.status, answer.body["type"]) == (415, "urn:mosaic:problem:unsupported_media_type")
    assert "audio/wav" in str(answer.body["detail"])
    assert count_items(parts) == before


def test_four_mib_are_taken_and_one_byte_more_is_told_the_way(parts: Service) -> None:
    sha256 = keep(parts, fresh(3.9, 48000))
    largest = wav(3.9, 48000, after=[b"x" * (MOST - len(wav(3.9, 48000)))])
    assert len(largest) == MOST
    assert score(largest, sha256).status == 202
    all_messages(parts)
    before = count_items(parts)
    answer = score(largest + b"x", sha256)
    assert (answer.status, answer.body["type"]) == (413, "urn:mosaic:problem:payload_too_large")
    assert "POST /v1/jobs" in str(answer.body["detail"])
    assert count_items(parts) == before


@pytest.mark.parametrize("whose", ["nobody's", "another's", "a deleted one"])
def test_a_reference_that_is_not_stored_is_404_and_says_how(whose: str, parts: Service) -> None:
    sha256 = NEVER
    if whose == "another's":
        sha256 = keep(parts, fresh(), tenant="globex", key_id=GLOBEX)
    elif whose == "a deleted one":
        sha256 = keep(parts, fresh())
        delete(sha256)
    before = count_items(parts)
    answer = score(fresh(), sha256)
    assert (answer.status, answer.body["type"]) == (404, "urn:mosaic:problem:unknown_reference")
    assert "POST /v1/references" in str(answer.body["detail"])
    assert count_items(parts) == before


@pytest.mark.parametrize(
    ("audio", "rule"),
    [
        (b"", "empty_file"),
        (b"no wav", "not_wav"),
        (wav(0.1), "too_short"),
        (wav(1, channels=2), "stereo"),
        (wav(1, 48000), "rate_mismatch"),
        (wav(1)[:-2], "truncated"),
    ],
)
def test_what_cannot_be_scored_is_422_and_makes_no_job(audio: bytes, rule: str, kept: str, parts: Service) -> None:
    before = count_items(parts)
    with calls(parts.s3, "PutObject") as put:
        answer = score(audio, kept)
    assert (answer.status, answer.body["type"]) == (422, "urn:mosaic:problem:bad_audio")
    assert (answer.body["rule"], answer.body["file"]) == (rule, "degraded")
    assert (count_items(parts), put) == (before, [])


def test_a_reference_that_this_mode_does_not_take_is_422_too(parts: Service) -> None:
    narrow = keep(parts, fresh(rate_hz=8000))
    answer = score(fresh(rate_hz=8000), narrow)
    assert (answer.status, answer.body["rule"], answer.body["file"]) == (422, "sample_rate", "reference")
    assert score(fresh(rate_hz=8000), narrow, engine="polqa").status == 202
    assert len(all_messages(parts)) == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, "/query/reference"),
        ({"reference": "x"}, "/query/reference"),
        ({"reference": NEVER, "engine": "pesq"}, "/query/engine"),
        ({"reference": NEVER, "mode": "swb"}, "/query/mode"),
        ({"reference": NEVER, "label": "x" * 201}, "/query/label"),
        ({"reference": NEVER, "engine": "x" * 65}, "/query/engine"),
        ({"reference": NEVER, "mode": "x" * 65}, "/query/mode"),
    ],
)
def test_a_parameter_that_is_wrong_is_pointed_at(query: Mapping[str, str], pointer: str) -> None:
    more = {name: value for name, value in query.items() if name != "reference"}
    answer = score(fresh(), query.get("reference"), **more)
    assert (answer.status, pointers(answer)) == (422, [pointer])


def test_the_same_call_again_is_the_same_job_and_another_is_422(kept: str, parts: Service) -> None:
    audio, key = fresh(), secrets.token_hex(8)
    first, again = (score(audio, kept, key=key) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert again.body["id"] == first.body["id"]
    assert len(all_messages(parts)) == 1
    for other in (score(fresh(), kept, key=key), score(audio, kept, key=key, label="x")):
        assert (other.status, other.body["type"]) == (422, "urn:mosaic:problem:idempotency_key_reused")
    assert score(audio, kept).body["id"] != first.body["id"]
    assert len(all_messages(parts)) == 1


def test_a_call_that_broke_off_is_finished_by_the_same_one_again(kept: str, parts: Service) -> None:
    audio, key = fresh(), secrets.token_hex(8)

    def refuse(**_: object) -> None:
        raise ConnectionError("no route")

    parts.s3.meta.events.register("before-send.s3.PutObject", refuse)
    try:
        assert score(audio, kept, key=key).status == 500
    finally:
        parts.s3.meta.events.unregister("before-send.s3.PutObject", refuse)
    answer = score(audio, kept, key=key)
    assert (answer.status, answer.body["state"]) == (202, "queued")
    assert len(all_messages(parts)) == 1


def test_the_same_call_again_once_it_has_succeeded_is_200(kept: str, parts: Service) -> None:
    audio, key = fresh(), secrets.token_hex(8)
    job_id = str(score(audio, kept, key=key).body["id"])
    all_messages(parts)
    claims = Claims(parts.table, "host-a", now, parts.settings.lives)
    running = claims.begin(claims.claim(job_id))
    claims.commit(running, result(), result_key(job_id, running.attempt))
    answer = score(audio, kept, key=key)
    assert (answer.status, answer.body["state"]) == (200, "succeeded")
    assert answer.headers["Location"] == f"/v1/jobs/{job_id}"
    assert "Retry-After" not in answer.headers


def test_the_same_call_again_overwrites_nothing_once_the_job_is_on_its_way(kept: str, parts: Service) -> None:
    audio, key = fresh(), secrets.token_hex(8)
    job_id = str(score(audio, kept, key=key).body["id"])
    all_messages(parts)
    parts.s3.delete_object(Bucket=BUCKET, Key=f"jobs/{job_id}/degraded.wav")
    assert score(audio, kept, key=key).status == 202
    assert stored(parts, job_id) == set()


def test_it_costs_what_a_job_costs(kept: str, parts: Service) -> None:
    audio, before = fresh(), quotas.used(parts.table, "acme")
    score(audio, kept)
    after = quotas.used(parts.table, "acme")
    assert after[Quota.JOBS_PER_DAY] == before[Quota.JOBS_PER_DAY] + 1
    assert after[Quota.BYTES_PER_DAY] == before[Quota.BYTES_PER_DAY] + len(audio)
    assert len(all_messages(parts)) == 1


def test_one_that_the_days_bytes_do_not_let_makes_no_job(
    reference: bytes, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = fresh()
    owner = tenant_with(parts, bytes_per_day=len(reference) + len(audio) - 1)
    tenant = tenants.tenant_of(owner, parts.table).id
    query = {"reference": keep(parts, reference, tenant=tenant, key_id=owner)}
    headers = {"content-type": "audio/wav", "Idempotency-Key": secrets.token_hex(8)}
    before = count_items(parts)
    answer = request("POST", "/v1/score", audio=audio, headers=headers, query=query, key_id=owner)
    assert (answer.status, answer.body["quota"]) == (429, "bytes_per_day")
    assert count_items(parts) == before
    assert request("GET", "/v1/jobs", key_id=owner).body["jobs"] == []
    parts.dynamodb.delete_item(TableName=parts.table.name, Key=items.pack(tenant_key(tenant)))
    monkeypatch.setattr(tenants, "_cache", {})
    again = request("POST", "/v1/score", audio=audio, headers=headers, query=query, key_id=owner)
    assert (again.status, again.body["state"]) == (202, "queued")
    assert quotas.used(parts.table, tenant)[Quota.BYTES_PER_DAY] == len(reference) + len(audio)


def test_the_same_call_again_is_the_same_job_even_where_the_reference_is_gone(kept: str, parts: Service) -> None:
    audio, key = fresh(), secrets.token_hex(8)
    first = score(audio, kept, key=key)
    assert delete(kept).status == 204
    again = score(audio, kept, key=key)
    assert (again.status, again.body["id"]) == (202, first.body["id"])


def test_a_reference_that_goes_while_it_is_read_is_409(parts: Service) -> None:
    # Its header is longer than what is read first, so that it is read twice.
    chunk = b"LIST" + struct.pack("<I", 80_000) + bytes(80_000)
    content = fresh()
    long_header = content[:12] + chunk + content[12:]
    kept = keep(parts, b"RIFF" + struct.pack("<I", len(long_header) - 8) + long_header[8:])

    def gone_after_the_first(params: Mapping[str, object], **_: object) -> None:
        if params.get("IfMatch"):
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "gone"}}, "GetObject")

    parts.s3.meta.events.register("provide-client-params.s3.GetObject", gone_after_the_first)
    try:
        answer = score(fresh(), kept)
    finally:
        parts.s3.meta.events.unregister("provide-client-params.s3.GetObject", gone_after_the_first)
    assert (answer.status, answer.body["type"]) == (409, "urn:mosaic:problem:changed_meanwhile")


def test_a_key_of_nobody_is_refused(kept: str, parts: Service) -> None:
    before = count_items(parts)
    headers = {"content-type": "audio/wav"}
    query = {"reference": kept}
    answer = request("POST", "/v1/score", audio=fresh(), headers=headers, query=query, key_id="key-of-nobody")
    assert (answer.status, count_items(parts)) == (403, before)


def test_a_gateway_that_mangles_audio_is_our_mistake(kept: str, parts: Service) -> None:
    headers = {"content-type": "audio/wav"}
    answer = request("POST", "/v1/score", raw="RIFFWAVE", headers=headers, query={"reference": kept})
    assert (answer.status, answer.body["type"]) == (500, "urn:mosaic:problem:internal")


def test_its_job_is_found_like_any_other(kept: str, parts: Service) -> None:
    job_id = str(score(fresh(), kept).body["id"])
    all_messages(parts)
    assert get(job_id).status == 202
    assert get(job_id, key_id=GLOBEX).status == 404
    assert bring(parts, create().id, State.AWAITING_UPLOAD).reference.key != parts.jobs.get(job_id).reference.key
    assert stored(parts, job_id) == {Role.DEGRADED}
