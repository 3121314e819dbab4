"""The functions behind their gateway, as a process of their own that is reached over HTTP, and seen from outside."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
from mosaic import Mosaic
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from bench.process import running
from bench.service import Service
from sandbox import ports
from sandbox.cloud import HOST
from sandbox.keys import KeyRing, put_key

TENANT = "bench"
ANSWER_SECONDS = 300.0  # here one call is answered at a time, and eight hundred items are asked for at once
BUSY_SECONDS = 120.0  # that the service may say so
STORED_SECONDS = 30.0
LOOK_SECONDS = 0.1


class Busy(Exception):
    """The service asks for another try."""


@dataclass(frozen=True)
class Api:
    """Where it is, and what lets a tenant in."""

    url: str
    key: str = field(repr=False)
    process: psutil.Process
    http: httpx.Client = field(repr=False)

    def mosaic(self) -> Mosaic:
        """The client."""
        return Mosaic(self.url, self.key, timeout=ANSWER_SECONDS)

    @retry(retry=retry_if_exception_type(Busy), wait=wait_fixed(1), stop=stop_after_delay(BUSY_SECONDS), reraise=True)
    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The document of a good answer to a call that the client does not make; asked for again where it is busy.

        Raises Busy where it stays so, RuntimeError with what any other answer says.
        """
        response = self.http.request(method, path, json=body)
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise Busy(response.text)
        if response.is_error:
            raise RuntimeError(f"{method} {path}: {response.text}")
        document: dict[str, Any] = response.json()
        return document

    def store(self, reference: bytes) -> str:
        """Store a reference; its hash. Raises TimeoutError where it does not arrive."""
        sha256 = hashlib.sha256(reference).hexdigest()
        policy = self.call("POST", "/v1/references", {"sha256": sha256, "bytes": len(reference)})["upload"]
        httpx.post(policy["url"], data=policy["fields"], files={"file": reference}).raise_for_status()
        deadline = time.monotonic() + STORED_SECONDS
        while self.http.get(f"/v1/references/{sha256}").status_code != HTTPStatus.OK:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the reference was not stored within {STORED_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)
        return sha256


@contextmanager
def api(service: Service, directory: Path, **settings: str) -> Iterator[Api]:
    """The functions of a service, told `settings`, with one tenant; killed in the end."""
    keys, port = KeyRing(directory / "keys.json"), ports.any_free()
    key = keys.add()
    put_key(service.dynamodb, service.name, key.id, TENANT)
    environment = {
        **service.environment,
        "MOSAIC_POOLS": json.dumps([service.pool.model_dump(mode="json")]),
        **{f"MOSAIC_{name.upper()}": value for name, value in settings.items()},
    }
    log = directory / "api.log"
    url = f"http://{HOST}:{port}"
    with (
        running("sandbox.functions", str(port), str(keys.path), environment=environment, log=log) as process,
        httpx.Client(base_url=url, headers={"x-api-key": key.value}, timeout=ANSWER_SECONDS) as http,
    ):
        yield Api(url, key.value, process, http)
