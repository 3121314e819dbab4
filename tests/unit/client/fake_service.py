"""Mosaic's REST contract and its storage on one loopback port, small: remembers what came, fails as it is told."""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Self

KEY = "key-0123456789-secret"
SIGNATURE = "signature-9876543210-secret"
KEPT_BYTES = 64 * 1024

RESULT: dict[str, object] = {
    "mos_lqo": 3.3124,
    "mode": "wb",
    "engine": {"name": "visqol", "version": "3.8.0", "settings": {}},
    "warnings": [{"code": "short_speech", "message": "The reference holds 2.1 s of active speech; use 3 s or more."}],
    "prepared": [],
    "audio": {"reference": {"active_level_dbov": -26.1, "active_seconds": 2.1}, "degraded": {}},
    "timings_ms": {"queued": 41, "fetched": 12, "scored": 301, "published": 9},
    "details": f"https://storage.example/results?X-Amz-Signature={SIGNATURE}",
}
STEREO: dict[str, object] = {
    "category": "bad_input",
    "code": "stereo",
    "message": "The degraded file has 2 channels; set prepare.degraded.channel to left or right.",
    "file": "degraded",
}


@dataclass(frozen=True)
class Request:
    """A request as it came. Of a body, the first 64 KiB are kept; `length` is the whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    length: int

    @property
    def document(self) -> dict[str, object]:
        """The body as a JSON object."""
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def parts(self) -> list[tuple[str, bytes]]:
        """The parts of a multipart body, in order, each with its name."""
        boundary = self.headers["content-type"].partition("boundary=")[2].encode()
        chunks = self.body.split(b"--" + boundary)[1:]
        split = (chunk.partition(b"\r\n\r\n") for chunk in chunks if chunk.strip() != b"--")
        return [(_part_name(head), value.removesuffix(b"\r\n")) for head, _, value in split]


def _part_name(head: bytes) -> str:
    match = re.search(rb'name="([^"]+)"', head)
    assert match
    return match[1].decode()


@dataclass(frozen=True)
class Reply:
    """An answer. `lost` applies the request and then breaks the connection without an answer."""

    status: int = 200
    document: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    lost: bool = False


LOST = Reply(lost=True)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object) -> Reply:
    """A problem document as an answer."""
    document = {"type": "urn:mosaic:problem:test", "title": "Test", "status": status, "detail": detail, **members}
    return Reply(status, document, {"content-type": "application/problem+json", **(headers or {})})


def storage_error(status: int, code: str, message: str) -> Reply:
    """S3's XML for an error; it also holds what must never be shown."""
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message><StringToSign>{SIGNATURE}</StringToSign></Error>"
    return Reply(status, text=f"<?xml version='1.0'?>{xml}", headers={"content-type": "application/xml"})


EXPIRED = storage_error(403, "AccessDenied", "Invalid according to Policy: Policy expired.")


class FakeService:
    """The service. `states` are what successive polls find, the last one from then on."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.states = ["queued", "running", "succeeded"]
        self.result: Mapping[str, object] = RESULT
        self.error: Mapping[str, object] = STEREO
        self.stored: set[str] = set()
        self.retry_after: str | None = "2"
        self.polled = Event()
        self.jobs: dict[str, dict[str, object]] = {}
        self._by_key: dict[str, str] = {}
        self._faults: dict[str, deque[Reply]] = defaultdict(deque)
        self._lock = Lock()

    def will(self, route: str, *replies: Reply) -> None:
        """Answer the next requests of a route (`POST /v1/jobs`, `POST /storage`, `GET`) so, once each."""
        self._faults[route].extend(replies)

    def asked(self, method: str, ending: str = "") -> list[Request]:
        """The requests of that method whose path ends so."""
        return [request for request in self.requests if request.method == method and request.path.endswith(ending)]

    def uploads(self) -> list[Request]:
        """The uploads that came."""
        return self.asked("POST", "/storage")

    def answer(self, request: Request) -> Reply:
        """The answer to a request, be it a told fault or the real one."""
        with self._lock:
            self.requests.append(request)
            route = "GET" if request.method == "GET" else f"{request.method} {_route(request.path)}"
            fault = self._faults[route].popleft() if self._faults[route] else None
            if fault and not fault.lost:
                return fault
            reply = self._real_answer(request)
            return fault or reply

    def _real_answer(self, request: Request) -> Reply:
        if request.path == "/storage":
            return Reply(204)
        if request.headers.get("x-api-key") != KEY:
            return problem(403, "The API key is missing or wrong.")
        if request.path == "/v1/jobs":
            return self._create(request)
        job = self.jobs.get(request.path.split("/")[3])
        if job is None:
            return problem(404, "There is no such job.")
        if request.path.endswith("/uploads"):
            return Reply(200, {"uploads": self._policies(str(job["id"]))})
        if request.path.endswith("/start"):
            job["state"] = "queued"
            return Reply(202, job, {"retry-after": "1"})
        return self._poll(job)

    def _create(self, request: Request) -> Reply:
        key = request.headers["idempotency-key"]
        job_id = self._by_key.setdefault(key, secrets.token_hex(16))
        body = request.document
        job = self.jobs.setdefault(
            job_id,
            {
                "id": job_id,
                "state": "awaiting_upload",
                "engine": body.get("engine", "visqol"),
                "mode": body.get("mode", "wb"),
                "start": body.get("start", "auto"),
                "label": body.get("label"),
                "times": {"awaiting_upload": "2026-11-22T05:00:00.123Z"},
                "result": None,
                "error": None,
                "brand_new_member": {"ignore": "me"},
            },
        )
        return Reply(201, {**job, "uploads": self._policies(job_id)})

    def _policies(self, job_id: str) -> dict[str, object]:
        return {
            role: {
                "url": f"{self.url}/storage",
                "fields": {
                    "key": f"jobs/{job_id}/{role}.wav",
                    "Content-Type": "audio/wav",
                    "x-amz-signature": SIGNATURE,
                },
                "expires_at": "2026-11-22T05:15:00Z",
            }
            for role in ("reference", "degraded")
            if role not in self.stored
        }

    def _poll(self, job: dict[str, object]) -> Reply:
        self.polled.set()
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        ended = state not in {"awaiting_upload", "queued", "running"}
        job.update(
            state=state,
            eta_seconds=None if ended else 3.5,
            result=self.result if state == "succeeded" else None,
            error=self.error if ended and state != "succeeded" else None,
        )
        headers = {"retry-after": self.retry_after} if self.retry_after and not ended else {}
        return Reply(200 if ended else 202, job, headers)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve on a loopback port until the end of the block."""
        server = _Server(self)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _route(path: str) -> str:
    return re.sub(r"/[0-9a-f]{32}", "/ID", path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer would wait 40 ms for an acknowledgement
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.service.answer(Request(self.command, self.path, headers, self._body(length), length))
        if reply.lost:
            self.close_connection = True
            return
        body = b"" if reply.status == 204 else (reply.text or json.dumps(reply.document)).encode()
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self, length: int) -> bytes:
        kept, left = b"", length
        while left:
            chunk = self.rfile.read(min(left, KEPT_BYTES))
            if not chunk:
                raise ConnectionError("the body ended early")
            left -= len(chunk)
            kept = kept or chunk
        return kept


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, service: FakeService) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that goes away is what some tests are about."""
