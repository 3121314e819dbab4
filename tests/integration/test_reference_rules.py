"""Stored references where their hash is really enforced: on seaweedfs, with the table in ministack.

seaweedfs keeps the checksum that a policy names and tells it again, as S3 does; ministack does neither, so that there
every byte is read. What is verified here is what the upload's event would have verified.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from api import references, tenants, uploads
from api.documents import UploadPolicy
from api.service import Service
from shared.job import AudioFile
from shared.object_keys import ReferenceName, reference_key
from tests.cloud import Resources
from tests.integration.seaweed import BUCKET, keys, send
from tests.wavs import wav

TENANT = "acme"


@pytest.fixture(params=["seaweedfs", "ministack"])
def parts(
    request: pytest.FixtureRequest, storage: Service, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """The functions' clients, with the objects in one emulator or the other."""
    monkeypatch.setattr(tenants, "_cache", {})
    monkeypatch.setattr(tenants, "_owners", {})
    reached = resources.clients
    told = storage.settings.model_copy(update={"table": resources.table})
    if request.param == "ministack":
        told = told.model_copy(update={"bucket": resources.bucket})
        yield replace(storage, settings=told, dynamodb=reached.dynamodb, s3=reached.s3)
    else:
        yield replace(storage, settings=told, dynamodb=reached.dynamodb)


@pytest.fixture
def content() -> bytes:
    return wav(samples=secrets.token_bytes(32000))


def name_of(content: bytes) -> ReferenceName:
    return ReferenceName(TENANT, hashlib.sha256(content).hexdigest())


def policy_of(parts: Service, name: ReferenceName) -> UploadPolicy:
    return uploads.policy(parts, AudioFile(key=reference_key(*name), sha256=name.sha256))


def uploaded(parts: Service, policy: UploadPolicy, content: bytes) -> httpx.Response:
    answer = send(policy.url, policy.fields, content)
    assert answer.status_code in (201, 204), answer.text
    return answer


def test_what_its_policy_let_in_is_taken_in(parts: Service, content: bytes) -> None:
    name = name_of(content)
    uploaded(parts, policy_of(parts, name), content)
    references.take(parts, name)
    found = parts.references.find(name)
    assert found is not None
    assert (found.bytes, found.sample_rate_hz, found.seconds) == (len(content), 16000, 1.0)


def test_other_bytes_never_become_a_reference(parts: Service, content: bytes) -> None:
    """One emulator refuses them as S3 does, the other lets them in, and then they are deleted."""
    name = name_of(content)
    policy = policy_of(parts, name)
    answer = send(policy.url, policy.fields, wav(samples=secrets.token_bytes(32000)))
    assert (answer.status_code in (201, 204)) == (parts.settings.bucket != BUCKET)
    references.take(parts, name)
    assert parts.references.find(name) is None
    assert references._object(parts, name) is None


def test_other_bytes_over_a_stored_reference_take_both_away(parts: Service, content: bytes) -> None:
    name = name_of(content)
    uploaded(parts, policy_of(parts, name), content)
    references.take(parts, name)
    parts.s3.put_object(Bucket=parts.settings.bucket, Key=reference_key(*name), Body=content[::-1])
    references.take(parts, name)
    assert parts.references.find(name) is None
    assert references._object(parts, name) is None


def test_the_hash_that_s3_took_is_told_by_its_head(storage: Service, content: bytes) -> None:
    name = name_of(content)
    uploaded(storage, policy_of(storage, name), content)
    found = references._object(storage, name)
    assert found is not None
    assert found.sha256 == name.sha256


def test_a_policy_of_one_reference_lets_in_no_other(storage: Service, content: bytes) -> None:
    name, other = name_of(content), name_of(b"other")
    policy = policy_of(storage, name)
    for key in (reference_key(*other), reference_key("globex", name.sha256), f"jobs/{'0' * 32}/reference.wav"):
        answer = send(policy.url, {**policy.fields, "key": key}, content)
        assert answer.status_code == 403
        assert key not in keys(storage)
