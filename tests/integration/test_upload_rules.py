"""Upload policies against seaweedfs, the emulator that enforces them: what breaks a rule is refused and not stored.

It enforces size, key, type, expiry, checksum and signature, and of fields that no condition names it refuses those that
begin with `x-amz-`, not `acl` as S3 does: no test here may claim that. The policies are those that `api.uploads` makes.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable

import pytest

from api import uploads
from api.documents import UploadPolicy
from api.service import Service
from api.stored_file import ChangedMeanwhile, NotStored, StoredFile
from shared.job import MAX_UPLOAD_BYTES, AudioFile, Job, Role
from tests.integration.seaweed import ACCESS_KEY, BUCKET, keys, send
from tests.jobs_for_tests import new_job
from tests.wavs import wav

FILE = wav(0.5)


def job_of(content: bytes | None = None) -> Job:
    """A job whose degraded file is declared to be this, or not declared."""
    job = new_job(now=time.time())
    if content is None:
        return job
    declared = AudioFile(key=job.degraded.key, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    return job.model_copy(update={"degraded": declared})


def policy_for(storage: Service, job: Job) -> UploadPolicy:
    """The policy of its degraded file."""
    return uploads.policies(storage, job, [Role.DEGRADED])[Role.DEGRADED]


def assert_refused(storage: Service, url: str, fields: dict[str, str], content: bytes = FILE) -> str:
    """The upload is refused with S3's XML and nothing is stored anywhere; the error's code."""
    before = keys(storage)
    response = send(url, fields, content)
    assert response.status_code in (400, 403), response.text
    assert keys(storage) == before
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


def checksum(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize("declared", [False, True])
def test_an_upload_that_keeps_every_rule_is_stored_as_it_is(declared: bool, storage: Service) -> None:
    job = job_of(FILE if declared else None)
    policy = policy_for(storage, job)
    assert send(policy.url, policy.fields, FILE).status_code in (201, 204)
    found = storage.s3.get_object(Bucket=BUCKET, Key=job.degraded.key)
    assert found["Body"].read() == FILE
    assert found["ContentType"] == "audio/wav"


@pytest.mark.parametrize(
    "content", [FILE + b"\0", FILE[:-1], b"", FILE * 2], ids=["longer", "shorter", "empty", "twice"]
)
def test_another_size_than_declared_is_refused(content: bytes, storage: Service) -> None:
    job = job_of()
    sized = AudioFile(key=job.degraded.key, bytes=len(FILE))
    policy = policy_for(storage, job.model_copy(update={"degraded": sized}))
    assert assert_refused(storage, policy.url, policy.fields, content) in ("EntityTooLarge", "EntityTooSmall")


def test_an_empty_file_is_refused_also_where_nothing_is_declared(storage: Service) -> None:
    policy = policy_for(storage, job_of())
    assert assert_refused(storage, policy.url, policy.fields, b"") == "EntityTooSmall"


def test_the_default_limit_is_64_mib_to_the_byte(storage: Service) -> None:
    assert MAX_UPLOAD_BYTES == 64 * 1024 * 1024
    job = job_of()
    policy = policy_for(storage, job)
    assert assert_refused(storage, policy.url, policy.fields, bytes(MAX_UPLOAD_BYTES + 1)) == "EntityTooLarge"
    assert send(policy.url, policy.fields, bytes(MAX_UPLOAD_BYTES)).status_code in (201, 204)
    assert storage.s3.head_object(Bucket=BUCKET, Key=job.degraded.key)["ContentLength"] == MAX_UPLOAD_BYTES
    storage.s3.delete_object(Bucket=BUCKET, Key=job.degraded.key)


Change = Callable[[Job], dict[str, str]]
OTHER_FIELDS: dict[str, Change] = {
    "the other file of the job": lambda job: {"key": job.reference.key},
    "another job's file": lambda _: {"key": new_job().degraded.key},
    "a stored reference": lambda _: {"key": "references/acme/" + "0" * 64 + ".wav"},
    "a result": lambda job: {"key": f"results/{job.id}/1.json"},
    "a name of the client's": lambda job: {"key": job.degraded.key + "/${filename}"},
    "another type": lambda _: {"Content-Type": "text/html"},
    "a type that means the same": lambda _: {"Content-Type": "audio/x-wav"},
}


@pytest.mark.parametrize("change", OTHER_FIELDS)
def test_another_key_or_type_is_refused(change: str, storage: Service) -> None:
    job = job_of()
    policy = policy_for(storage, job)
    fields = {**policy.fields, **OTHER_FIELDS[change](job)}
    assert assert_refused(storage, policy.url, fields) == "AccessDenied"


def test_other_bytes_than_declared_are_refused(storage: Service) -> None:
    policy = policy_for(storage, job_of(FILE))
    other = FILE[:-1] + b"\x01"
    assert assert_refused(storage, policy.url, policy.fields, other) in ("BadDigest", "XAmzContentSHA256Mismatch")


def test_a_checksum_of_the_clients_is_refused(storage: Service) -> None:
    policy = policy_for(storage, job_of(FILE))
    other = FILE[:-1] + b"\x01"
    fields = {**policy.fields, "x-amz-checksum-sha256": checksum(other)}
    assert assert_refused(storage, policy.url, fields, other) == "AccessDenied"


def test_an_expired_policy_is_refused(storage: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "POLICY_SECONDS", -1)
    policy = policy_for(storage, job_of())
    assert_refused(storage, policy.url, policy.fields)


@pytest.mark.parametrize("name", ["Content-Type", "x-amz-checksum-algorithm", "x-amz-checksum-sha256", "key"])
def test_a_field_that_is_left_out_is_refused(name: str, storage: Service) -> None:
    policy = policy_for(storage, job_of(FILE))
    assert_refused(storage, policy.url, {field: value for field, value in policy.fields.items() if field != name})


@pytest.mark.parametrize("name", ["policy", "x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date"])
def test_a_part_of_the_signature_that_is_left_out_is_refused(name: str, storage: Service) -> None:
    policy = policy_for(storage, job_of())
    assert_refused(storage, policy.url, {field: value for field, value in policy.fields.items() if field != name})


@pytest.mark.parametrize("extra", [{"x-amz-meta-a": "b"}, {"x-amz-storage-class": "GLACIER"}])
def test_a_field_that_no_condition_names_is_refused(extra: dict[str, str], storage: Service) -> None:
    policy = policy_for(storage, job_of())
    assert_refused(storage, policy.url, {**policy.fields, **extra})


def test_a_policy_that_its_holder_rewrote_is_refused(storage: Service) -> None:
    policy = policy_for(storage, job_of(FILE))
    said = base64.b64decode(policy.fields["policy"]).decode()
    rewritten = said.replace(str(len(FILE)), str(2 * len(FILE)))
    assert rewritten != said
    fields = {**policy.fields, "policy": base64.b64encode(rewritten.encode()).decode()}
    assert assert_refused(storage, policy.url, fields, FILE * 2) == "SignatureDoesNotMatch"


def test_a_wrong_signature_is_refused(storage: Service) -> None:
    policy = policy_for(storage, job_of())
    fields = {**policy.fields, "x-amz-signature": "0" * 64}
    assert assert_refused(storage, policy.url, fields) == "SignatureDoesNotMatch"


def test_no_policy_at_all_is_refused(storage: Service) -> None:
    job = job_of()
    policy = policy_for(storage, job)
    assert_refused(storage, policy.url, {"key": job.degraded.key, "Content-Type": "audio/wav"})
    assert_refused(storage, policy.url, {"key": job.degraded.key})


def test_a_key_that_nobody_has_signs_nothing(storage: Service) -> None:
    policy = policy_for(storage, job_of())
    credential = policy.fields["x-amz-credential"].replace(ACCESS_KEY, "somebody-else")
    assert_refused(storage, policy.url, {**policy.fields, "x-amz-credential": credential})


def test_a_refused_upload_leaves_the_one_before_as_it_was(storage: Service) -> None:
    job = job_of(FILE)
    policy = policy_for(storage, job)
    send(policy.url, policy.fields, FILE)
    assert_refused(storage, policy.url, policy.fields, FILE[::-1])
    assert storage.s3.get_object(Bucket=BUCKET, Key=job.degraded.key)["Body"].read() == FILE


def test_a_stored_file_is_read_by_ranges_of_the_version_first_seen(storage: Service) -> None:
    job, content = job_of(), bytes(range(256)) * 1000
    key = job.degraded.key
    with pytest.raises(NotStored):
        StoredFile(storage.s3, BUCKET, key)
    etag = storage.s3.put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"]
    file = StoredFile(storage.s3, BUCKET, key)
    assert (file.bytes, file.etag) == (len(content), etag)
    assert file.read(0, 100) == content[:100]
    assert file.read(100_000, 5000) == content[100_000:105_000]
    storage.s3.put_object(Bucket=BUCKET, Key=key, Body=content[::-1])
    with pytest.raises(ChangedMeanwhile):
        file.read(100_000, 5000)
    storage.s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ChangedMeanwhile):
        file.read(100_000, 5000)


def test_an_empty_object_is_there_and_has_no_bytes(storage: Service) -> None:
    key = job_of().degraded.key
    storage.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert StoredFile(storage.s3, BUCKET, key).bytes == 0
