"""The machine's fingerprint, with stand-ins for the metadata service and for network devices."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from worker import fingerprint


class Metadata(BaseHTTPRequestHandler):
    """IMDSv2 as the EC2 User Guide has it: a token by PUT, and nothing without it."""

    def do_PUT(self) -> None:
        good = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self._answer(200 if good else 400, b"the-token")

    def do_GET(self) -> None:
        if self.headers["X-aws-ec2-metadata-token"] != "the-token":
            return self._answer(401, b"")
        document = {"instanceId": "i-0123456789abcdef0", "instanceType": "t3.xlarge", "accountId": "1"}
        return self._answer(200, json.dumps(document).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class SomethingElse(Metadata):
    """What answers at that address on other machines, as a proxy does."""

    def do_PUT(self) -> None:
        self._answer(403, b"forbidden")


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type[Metadata]], None]]:
    servers = []

    def serve(handler: type[Metadata]) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("handler", "instance"), [(Metadata, "i-0123456789abcdef0, t3.xlarge"), (SomethingElse, "not on EC2")]
)
def test_the_instance_is_told_by_its_metadata_service_and_by_nothing_else(
    metadata: Callable[[type[Metadata]], None], handler: type[Metadata], instance: str
) -> None:
    metadata(handler)
    assert fingerprint.fingerprint()["instance"] == instance


def test_network_devices_are_told_and_what_software_made_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in "ens5", "docker0", "lo":
        (tmp_path / name).mkdir()
        (tmp_path / name / "address").write_text(f"02:00:00:00:00:0{len(name)}\n")
    (tmp_path / "ens5" / "device").mkdir()
    monkeypatch.setattr(fingerprint, "_INTERFACES", tmp_path)
    told = fingerprint.fingerprint()
    assert {name: fact for name, fact in told.items() if name.startswith("MAC")} == {"MAC ens5": "02:00:00:00:00:04"}
