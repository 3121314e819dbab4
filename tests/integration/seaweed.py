"""A seaweedfs of one's own: the emulator that enforces the rules of uploads."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from api import service as service_module
from api.service import Service
from api.settings import ApiSettings
from shared import settings
from shared.resources import BATCHES_QUEUE

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


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """A seaweedfs that runs; its endpoint."""
    [port] = free_ports(1)
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command(directory, port), stdout=log, stderr=log, cwd=directory)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()  # nothing of it is kept; by SIGTERM it takes 15 s
            process.wait()


def service_at(endpoint: str) -> Service:
    """The functions' own clients, of that seaweedfs, once it takes files."""
    told = {"MOSAIC_TABLE": "none", "MOSAIC_BUCKET": BUCKET, "MOSAIC_POOLS": json.dumps([POOL])}
    told["MOSAIC_QUEUE_URLS"] = json.dumps(dict.fromkeys(("p-interactive", "p-bulk", BATCHES_QUEUE), "none"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        made = service_module.make(settings.read(ApiSettings, told))
    await_storage(made.s3)
    return made


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


def send(url: str, fields: dict[str, str], content: bytes) -> httpx.Response:
    """What a client sends: every field, then the file."""
    return httpx.post(url, data=fields, files={"file": ("x.wav", content, "audio/wav")}, timeout=60)


def keys(parts: Service) -> set[str]:
    """Everything in the bucket."""
    return {found["Key"] for found in parts.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
