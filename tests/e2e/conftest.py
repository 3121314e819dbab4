"""One real sandbox a session: embedded cloud, API, worker and ViSQOL, used from outside like any service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from mosaic import Mosaic

from sandbox import parts
from sandbox.keys import KeyRing, put_key
from sandbox.state import Ports, State
from tests.cloud import clients

READY = "Ready."


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that is ready, and two tenants' keys to it."""

    url: str
    api_key: str = field(repr=False)
    other_key: str = field(repr=False)

    def http(self, api_key: str | None = None) -> httpx.Client:
        """A bare HTTP client with its tenant's key, or another."""
        return httpx.Client(base_url=self.url, headers={"x-api-key": api_key or self.api_key}, timeout=30)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    state = State(tmp_path_factory.mktemp("sandbox"))
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--state", str(state.directory), "--seats", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOSAIC_"))},
    )
    try:
        said = _wait_ready(process)
        api_key = _exported(said, "MOSAIC_API_KEY")
        ports = Ports.model_validate_json((state.directory / "ports.json").read_text())
        dynamodb = clients(f"http://127.0.0.1:{ports.cloud}").dynamodb
        other = KeyRing(state.keys).add()
        put_key(dynamodb, parts.TABLE, other.id, "another-tenant")
        yield RunningSandbox(_exported(said, "MOSAIC_URL"), api_key, other.value)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture
def mosaic(sandbox: RunningSandbox) -> Iterator[Mosaic]:
    with Mosaic(sandbox.url, sandbox.api_key) as client:
        yield client


def _wait_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line.strip())
        if line.startswith(READY):
            return said
    pytest.fail("the sandbox ended before it was ready:\n" + "\n".join(said))


def _exported(said: list[str], name: str) -> str:
    return next(line.partition("=")[2] for line in said if line.startswith(f"export {name}="))
