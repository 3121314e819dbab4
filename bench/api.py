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

from bench.process import running
from bench.service import POOL, Service
from sandbox import ports
from sandbox.cloud import HOST
from sandbox.keys import KeyRing, put_key

TENANT = "bench"
ANSWER_SECONDS = 300.0  # here one call is answered at a time, and eight hundred items are asked for at once
STORED_SECONDS = 30.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Api:
    """Where it is, and what lets a tenant in."""

    url: str
    key: str = field(repr=False)
    process: psutil.Process

    def mosaic(self) -> Mosaic:
        """The client."""
        return Mosaic(self.url, self.key, timeout=ANSWER_SECONDS)

    def http(self) -> httpx.Client:
        """A bare client, for the calls that ours does not make."""
        return httpx.Client(base_url=self.url, headers={"x-api-key": self.key}, timeout=ANSWER_SECONDS)

    def store(self, reference: bytes) -> str:
        """Store a reference; its hash. Raises TimeoutError where it does not arrive."""
        sha256 = hashlib.sha256(reference).hexdigest()
        with self.http() as http:
            asked = told(http.post("/v1/references", json={"sha256": sha256, "bytes": len(reference)}))
            policy = asked["upload"]
            httpx.post(policy["url"], data=policy["fields"], files={"file": reference}).raise_for_status()
            deadline = time.monotonic() + STORED_SECONDS
            while http.get(f"/v1/references/{sha256}").status_code == HTTPStatus.NOT_FOUND:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the reference was not stored within {STORED_SECONDS:.0f} s")
                time.sleep(LOOK_SECONDS)
        return sha256


def told(response: httpx.Response) -> dict[str, Any]:
    """The document of a good answer. Raises RuntimeError with what any other says."""
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"{response.request.method} {response.request.url.path}: {response.text}")
    document: dict[str, Any] = response.json()
    return document


@contextmanager
def api(service: Service, directory: Path, **settings: str) -> Iterator[Api]:
    """The functions of a service, told `settings`, with one tenant; killed in the end."""
    keys, port = KeyRing(directory / "keys.json"), ports.any_free()
    key = keys.add()
    put_key(service.dynamodb, service.name, key.id, TENANT)
    environment = {
        **service.environment,
        "MOSAIC_POOLS": json.dumps([POOL.model_dump(mode="json")]),
        **{f"MOSAIC_{name.upper()}": value for name, value in settings.items()},
    }
    log = directory / "api.log"
    with running("sandbox.functions", str(port), str(keys.path), environment=environment, log=log) as process:
        yield Api(f"http://{HOST}:{port}", key.value, process)
