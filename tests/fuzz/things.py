"""What there is to ask for, so that not every request is for what never was: jobs, batches and references."""

from __future__ import annotations

import hashlib
import time
from typing import Any, cast

import httpx

from sandbox.children import ROOT

REFERENCE = ROOT / "examples" / "female_16k.wav"
DEGRADED = ROOT / "examples" / "female_16k_opus_6.wav"
PATIENCE_SECONDS = 60.0


def made(url: str, key: str) -> dict[str, list[str]]:
    """Ids by the parameter that they are: of jobs that wait, are cancelled and succeeded, and so on."""
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=30, trust_env=False) as http:
        sha256 = _reference(http)
        return {
            "job_id": [*_jobs(http), _succeeded(http)],
            "batch_id": [_batch(http, start=False), _batch(http, start=True), _ended_batch(http)],
            "sha256": [sha256],
        }


def cursors(url: str, key: str) -> dict[str, str]:
    """A cursor of each list that has cursors of its own making, by its path."""
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=30, trust_env=False) as http:
        return {path: http.get(path, params={"limit": 1}).json()["next_cursor"] for path in ("/v1/jobs", "/v1/batches")}


def _jobs(http: httpx.Client) -> list[str]:
    waiting, cancelled = (str(_post(http, "/v1/jobs", {"label": name})["id"]) for name in ("waiting", "cancelled"))
    http.delete(f"/v1/jobs/{cancelled}").raise_for_status()
    return [waiting, cancelled]


def _succeeded(http: httpx.Client) -> str:
    job = _post(http, "/v1/jobs", {})
    for role, file in (("reference", REFERENCE), ("degraded", DEGRADED)):
        _upload(job["uploads"][role], file.read_bytes())
    _until(http, f"/v1/jobs/{job['id']}")
    return str(job["id"])


def _batch(http: httpx.Client, *, start: bool) -> str:
    batch = str(_post(http, "/v1/batches", {"label": "fuzz"})["id"])
    _post(http, f"/v1/batches/{batch}/jobs", {"jobs": [{"custom_id": "a"}]})
    if start:
        _post(http, f"/v1/batches/{batch}/start")
    return batch


def _ended_batch(http: httpx.Client) -> str:
    batch = str(_post(http, "/v1/batches", {"label": "fuzz"})["id"])
    _post(http, f"/v1/batches/{batch}/start")
    _until(http, f"/v1/batches/{batch}/results")
    return batch


def _reference(http: httpx.Client) -> str:
    sha256 = hashlib.sha256(REFERENCE.read_bytes()).hexdigest()
    answer = _post(http, "/v1/references", {"sha256": sha256})
    if "upload" in answer:
        _upload(answer["upload"], REFERENCE.read_bytes())
    _until(http, f"/v1/references/{sha256}")
    return sha256


def _until(http: httpx.Client, path: str) -> None:
    """Ask until it is there; the functions behind it follow queues and streams."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while http.get(path).status_code != 200:
        assert time.monotonic() < deadline, path
        time.sleep(0.2)


def _post(http: httpx.Client, path: str, body: object = None) -> dict[str, Any]:
    answer = http.post(path, json=body)
    answer.raise_for_status()
    return cast("dict[str, Any]", answer.json())


def _upload(policy: dict[str, Any], content: bytes) -> None:
    httpx.post(policy["url"], data=policy["fields"], files={"file": content}, trust_env=False).raise_for_status()
