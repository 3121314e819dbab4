"""Upload policies: each lets in one file of one job, for 15 minutes, and says so in its signed text."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from datetime import datetime

import pytest

from api.documents import Uploads
from api.service import Service
from shared.job import Role
from shared.states import State
from tests.unit.api.steps import (
    BUCKET,
    GLOBEX,
    bring,
    conditions,
    create,
    item,
    policy_document,
    renew,
    upload,
)

SHA = {Role.REFERENCE: "0123456789abcdef" * 4, Role.DEGRADED: "fedcba9876543210" * 4}
DECLARED = {role: {"sha256": SHA[role], "bytes": size} for role, size in zip(Role, (263334, 262932), strict=True)}
SIGNING = {"x-amz-algorithm", "x-amz-credential", "x-amz-date"}
LIMIT = 64 * 1024 * 1024


def checksum(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()


@pytest.mark.parametrize("role", Role)
def test_a_policy_of_an_undeclared_file_pins_key_and_type_and_the_default_size(role: Role) -> None:
    job = create()
    exact, ranges = conditions(job.uploads[role])
    assert {name: value for name, value in exact.items() if name not in SIGNING} == {
        "bucket": BUCKET,
        "key": f"jobs/{job.id}/{role}.wav",
        "Content-Type": "audio/wav",
    }
    assert ranges == {"content-length-range": (1, LIMIT)}


@pytest.mark.parametrize("role", Role)
def test_a_policy_of_a_declared_file_pins_size_and_checksum_too(role: Role) -> None:
    job = create(DECLARED)
    exact, ranges = conditions(job.uploads[role])
    assert {name: value for name, value in exact.items() if name not in SIGNING} == {
        "bucket": BUCKET,
        "key": f"jobs/{job.id}/{role}.wav",
        "Content-Type": "audio/wav",
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-checksum-sha256": checksum(SHA[role]),
    }
    assert ranges == {"content-length-range": (DECLARED[role]["bytes"], DECLARED[role]["bytes"])}


def test_one_file_declared_says_nothing_of_the_other() -> None:
    job = create({"degraded": DECLARED[Role.DEGRADED]})
    exact, ranges = conditions(job.uploads[Role.REFERENCE])
    assert "x-amz-checksum-sha256" not in exact
    assert ranges == {"content-length-range": (1, LIMIT)}


@pytest.mark.parametrize("body", [{}, DECLARED])
def test_every_field_to_send_is_bound_by_the_policy(body: object) -> None:
    for policy in create(body).uploads.values():
        exact, _ = conditions(policy)
        sent = {name: value for name, value in policy.fields.items() if name not in ("policy", "x-amz-signature")}
        assert sent == {name: value for name, value in exact.items() if name != "bucket"}


@pytest.mark.parametrize("role", Role)
def test_a_policy_is_valid_for_15_minutes_and_says_so(role: Role) -> None:
    policy = create().uploads[role]
    signed = datetime.fromisoformat(str(policy_document(policy)["expiration"])).timestamp()
    told = datetime.fromisoformat(policy.expires_at).timestamp()
    assert told == pytest.approx(time.time() + 15 * 60, abs=30)
    assert signed == pytest.approx(told, abs=1.5)  # the signed one is in whole seconds


def test_a_policy_is_signed_by_the_key_of_its_credential() -> None:
    """Signature Version 4 by hand: Amazon S3 API Reference, "Calculating a signature" of a POST policy."""
    fields = create().uploads[Role.REFERENCE].fields
    _, date, region, service, _ = fields["x-amz-credential"].split("/")
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    assert (region, service) == ("eu-central-1", "s3")
    assert hmac.digest(key, fields["policy"].encode(), hashlib.sha256).hex() == fields["x-amz-signature"]


def test_a_policy_is_sent_to_the_buckets_own_region() -> None:
    url = create().uploads[Role.REFERENCE].url
    assert url == f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/"


def test_a_policy_holds_nothing_of_another_job() -> None:
    jobs = [create({"label": f"label-{number}"}, key_id=GLOBEX) for number in range(2)] + [create()]
    for job in jobs:
        for role, policy in job.uploads.items():
            said = str(policy_document(policy)) + policy.url + str(policy.fields)
            assert job.id in said
            assert f"{role}.wav" in said
            others = [other.id for other in jobs if other.id != job.id]
            assert not any(other in said for other in others)
            assert not any(str(other) + ".wav" in said for other in Role if other is not role)
            assert "globex" not in said
            assert "label" not in said


def test_fresh_policies_are_for_what_is_missing(parts: Service) -> None:
    job = create(DECLARED)
    answer = renew(job.id)
    assert answer.status == 200
    fresh = Uploads.model_validate(answer.body).uploads
    assert set(fresh) == set(Role)
    for role in Role:
        for name in ("key", "Content-Type", "x-amz-checksum-sha256"):
            assert fresh[role].fields[name] == job.uploads[role].fields[name]
    upload(parts, job.id, Role.REFERENCE)
    assert set(Uploads.model_validate(renew(job.id).body).uploads) == {Role.DEGRADED}
    upload(parts, job.id, Role.DEGRADED)
    assert Uploads.model_validate(renew(job.id).body).uploads == {}


@pytest.mark.parametrize("state", sorted(set(State) - {State.AWAITING_UPLOAD}))
def test_there_are_no_fresh_policies_once_uploads_are_over(state: State, parts: Service) -> None:
    job = create()
    bring(parts, job.id, state)
    answer = renew(job.id)
    assert answer.status == 409
    assert answer.body["type"] == "urn:mosaic:problem:wrong_state"
    assert (answer.body["job"], answer.body["state"]) == (job.id, state)
    assert "uploads" not in answer.body


def test_asking_for_policies_writes_nothing(parts: Service) -> None:
    job = create()
    before = item(parts, job.id)
    renew(job.id)
    assert item(parts, job.id) == before
