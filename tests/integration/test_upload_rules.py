"""Upload policies against seaweedfs, the emulator that enforces them: what breaks a rule is refused and not stored.

It enforces size, key, type, expiry, checksum and signature, and of fields that no condition names it refuses those that
begin with `x-amz-`, not `acl` as S3 does: no test here may claim that. The policies are those that `api.uploads` makes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from api import service as service_module
from api import uploads
from api.documents import UploadPolicy
from api.service import Service
from api.settings import ApiSettings
from api.stored_file import ChangedMeanwhile, NotStored, StoredFile
from shared import settings
from shared.job import MAX_UPLOAD_BYTES, AudioFile, Job, Role
from tests.jobs_for_tests import new_job
from tests.wavs import wav

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKET = "mosaic-rules"
ACCESS_KEY, SECRET_KEY = "upload-rules", "upload-rules-secret"
IDENTITIES = {
    "identities": [
        {
            "name": "mosaic",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}
MODE = {"name": "wb", "reference_rates_hz": [16000], "degraded_rates_hz": [16000], "same_rate": True, "ceiling": 5}
POOL = {"name": "p", "engine": "visqol", "default_mode": "wb", "modes": [MODE]}
FILE = wav(0.5)
START_SECONDS = 60


def free_ports(count: int) -> list[int]:
    """Free ports of the loopback interface, no two the same."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def command(directory: Path, s3_port: int) -> list[str]:
    """seaweedfs with an S3 server, on the loopback interface only, which tells nobody that it runs."""
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc = free_ports(7)
    (directory / "identities.json").write_text(json.dumps(IDENTITIES))
    (directory / "data").mkdir()
    return [
        str(Path(sys.executable).with_name("weed")),
        *("-logtostderr=true", "server", f"-dir={directory / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-master.port={master}", f"-master.port.grpc={master_grpc}", "-master.telemetry=false"),
        *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}", "-master.volumeSizeLimitMB=256"),
        *("-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}"),
        f"-filer.localSocket={directory / 'filer.sock'}",
        *("-s3", f"-s3.port={s3_port}", f"-s3.port.grpc={s3_grpc}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-s3.config={directory / 'identities.json'}", f"-s3.localSocket={directory / 's3.sock'}", "-s3.iam=false"),
    ]


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running seaweedfs; its endpoint."""
    directory, [port] = tmp_path_factory.mktemp("weed"), free_ports(1)
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command(directory, port), stdout=log, stderr=log, cwd=directory)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()  # nothing of it is kept; by SIGTERM it takes 15 s
            process.wait()


@pytest.fixture(scope="module")
def parts(seaweed: str) -> Iterator[Service]:
    """The functions' own clients, of seaweedfs, once it takes files."""
    told = {"MOSAIC_TABLE": "none", "MOSAIC_BUCKET": BUCKET, "MOSAIC_POOLS": json.dumps([POOL])}
    told["MOSAIC_QUEUE_URLS"] = json.dumps({"p-interactive": "none", "p-bulk": "none", "batches": "none"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", seaweed)
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        made = service_module.make(settings.read(ApiSettings, told))
        await_storage(made.s3)
        yield made


@retry(
    retry=retry_if_exception_type((ClientError, BotoCoreError)),
    stop=stop_after_delay(START_SECONDS),
    wait=wait_fixed(0.2),
    reraise=True,
)
def await_storage(s3: S3Client) -> None:
    """Until the S3 server answers and there is a volume behind it to write to."""
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="probe", Body=b"x")
    s3.delete_object(Bucket=BUCKET, Key="probe")


def job_of(content: bytes | None = None) -> Job:
    """A job whose degraded file is declared to be this, or not declared."""
    job = new_job(now=time.time())
    if content is None:
        return job
    declared = AudioFile(key=job.degraded.key, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    return job.model_copy(update={"degraded": declared})


def policy_for(parts: Service, job: Job) -> UploadPolicy:
    """The policy of its degraded file."""
    return uploads.policies(parts, job, [Role.DEGRADED])[Role.DEGRADED]


def send(url: str, fields: dict[str, str], content: bytes) -> httpx.Response:
    """What a client sends: every field, then the file."""
    return httpx.post(url, data=fields, files={"file": ("x.wav", content, "audio/wav")}, timeout=60)


def keys(parts: Service) -> set[str]:
    """Everything in the bucket."""
    return {found["Key"] for found in parts.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def assert_refused(parts: Service, url: str, fields: dict[str, str], content: bytes = FILE) -> str:
    """The upload is refused with S3's XML and nothing is stored anywhere; the error's code."""
    before = keys(parts)
    response = send(url, fields, content)
    assert response.status_code in (400, 403), response.text
    assert keys(parts) == before
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


def checksum(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize("declared", [False, True])
def test_an_upload_that_keeps_every_rule_is_stored_as_it_is(declared: bool, parts: Service) -> None:
    job = job_of(FILE if declared else None)
    policy = policy_for(parts, job)
    assert send(policy.url, policy.fields, FILE).status_code in (201, 204)
    found = parts.s3.get_object(Bucket=BUCKET, Key=job.degraded.key)
    assert found["Body"].read() == FILE
    assert found["ContentType"] == "audio/wav"


@pytest.mark.parametrize(
    "content", [FILE + b"\0", FILE[:-1], b"", FILE * 2], ids=["longer", "shorter", "empty", "twice"]
)
def test_another_size_than_declared_is_refused(content: bytes, parts: Service) -> None:
    job = job_of()
    sized = AudioFile(key=job.degraded.key, bytes=len(FILE))
    policy = policy_for(parts, job.model_copy(update={"degraded": sized}))
    assert assert_refused(parts, policy.url, policy.fields, content) in ("EntityTooLarge", "EntityTooSmall")


def test_an_empty_file_is_refused_also_where_nothing_is_declared(parts: Service) -> None:
    policy = policy_for(parts, job_of())
    assert assert_refused(parts, policy.url, policy.fields, b"") == "EntityTooSmall"


def test_the_default_limit_is_64_mib_to_the_byte(parts: Service) -> None:
    assert MAX_UPLOAD_BYTES == 64 * 1024 * 1024
    job = job_of()
    policy = policy_for(parts, job)
    assert assert_refused(parts, policy.url, policy.fields, bytes(MAX_UPLOAD_BYTES + 1)) == "EntityTooLarge"
    assert send(policy.url, policy.fields, bytes(MAX_UPLOAD_BYTES)).status_code in (201, 204)
    assert parts.s3.head_object(Bucket=BUCKET, Key=job.degraded.key)["ContentLength"] == MAX_UPLOAD_BYTES
    parts.s3.delete_object(Bucket=BUCKET, Key=job.degraded.key)


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
def test_another_key_or_type_is_refused(change: str, parts: Service) -> None:
    job = job_of()
    policy = policy_for(parts, job)
    fields = {**policy.fields, **OTHER_FIELDS[change](job)}
    assert assert_refused(parts, policy.url, fields) == "AccessDenied"


def test_other_bytes_than_declared_are_refused(parts: Service) -> None:
    policy = policy_for(parts, job_of(FILE))
    other = FILE[:-1] + b"\x01"
    assert assert_refused(parts, policy.url, policy.fields, other) in ("BadDigest", "XAmzContentSHA256Mismatch")


def test_a_checksum_of_the_clients_is_refused(parts: Service) -> None:
    policy = policy_for(parts, job_of(FILE))
    other = FILE[:-1] + b"\x01"
    fields = {**policy.fields, "x-amz-checksum-sha256": checksum(other)}
    assert assert_refused(parts, policy.url, fields, other) == "AccessDenied"


def test_an_expired_policy_is_refused(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "POLICY_SECONDS", -1)
    policy = policy_for(parts, job_of())
    assert_refused(parts, policy.url, policy.fields)


@pytest.mark.parametrize("name", ["Content-Type", "x-amz-checksum-algorithm", "x-amz-checksum-sha256", "key"])
def test_a_field_that_is_left_out_is_refused(name: str, parts: Service) -> None:
    policy = policy_for(parts, job_of(FILE))
    assert_refused(parts, policy.url, {field: value for field, value in policy.fields.items() if field != name})


@pytest.mark.parametrize("name", ["policy", "x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date"])
def test_a_part_of_the_signature_that_is_left_out_is_refused(name: str, parts: Service) -> None:
    policy = policy_for(parts, job_of())
    assert_refused(parts, policy.url, {field: value for field, value in policy.fields.items() if field != name})


@pytest.mark.parametrize("extra", [{"x-amz-meta-a": "b"}, {"x-amz-storage-class": "GLACIER"}])
def test_a_field_that_no_condition_names_is_refused(extra: dict[str, str], parts: Service) -> None:
    policy = policy_for(parts, job_of())
    assert_refused(parts, policy.url, {**policy.fields, **extra})


def test_a_policy_that_its_holder_rewrote_is_refused(parts: Service) -> None:
    policy = policy_for(parts, job_of(FILE))
    said = base64.b64decode(policy.fields["policy"]).decode()
    rewritten = said.replace(str(len(FILE)), str(2 * len(FILE)))
    assert rewritten != said
    fields = {**policy.fields, "policy": base64.b64encode(rewritten.encode()).decode()}
    assert assert_refused(parts, policy.url, fields, FILE * 2) == "SignatureDoesNotMatch"


def test_a_wrong_signature_is_refused(parts: Service) -> None:
    policy = policy_for(parts, job_of())
    fields = {**policy.fields, "x-amz-signature": "0" * 64}
    assert assert_refused(parts, policy.url, fields) == "SignatureDoesNotMatch"


def test_no_policy_at_all_is_refused(parts: Service) -> None:
    job = job_of()
    policy = policy_for(parts, job)
    assert_refused(parts, policy.url, {"key": job.degraded.key, "Content-Type": "audio/wav"})
    assert_refused(parts, policy.url, {"key": job.degraded.key})


def test_a_key_that_nobody_has_signs_nothing(parts: Service) -> None:
    policy = policy_for(parts, job_of())
    credential = policy.fields["x-amz-credential"].replace(ACCESS_KEY, "somebody-else")
    assert_refused(parts, policy.url, {**policy.fields, "x-amz-credential": credential})


def test_a_refused_upload_leaves_the_one_before_as_it_was(parts: Service) -> None:
    job = job_of(FILE)
    policy = policy_for(parts, job)
    send(policy.url, policy.fields, FILE)
    assert_refused(parts, policy.url, policy.fields, FILE[::-1])
    assert parts.s3.get_object(Bucket=BUCKET, Key=job.degraded.key)["Body"].read() == FILE


def test_a_stored_file_is_read_by_ranges_of_the_version_first_seen(parts: Service) -> None:
    job, content = job_of(), bytes(range(256)) * 1000
    key = job.degraded.key
    with pytest.raises(NotStored):
        StoredFile(parts.s3, BUCKET, key)
    etag = parts.s3.put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"]
    file = StoredFile(parts.s3, BUCKET, key)
    assert (file.bytes, file.etag) == (len(content), etag)
    assert file.read(0, 100) == content[:100]
    assert file.read(100_000, 5000) == content[100_000:105_000]
    parts.s3.put_object(Bucket=BUCKET, Key=key, Body=content[::-1])
    with pytest.raises(ChangedMeanwhile):
        file.read(100_000, 5000)
    parts.s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ChangedMeanwhile):
        file.read(100_000, 5000)


def test_an_empty_object_is_there_and_has_no_bytes(parts: Service) -> None:
    key = job_of().degraded.key
    parts.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert StoredFile(parts.s3, BUCKET, key).bytes == 0
