"""A reference is stored once and scored against in one call a file, as a client of the sandbox does it over HTTP."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from mosaic import Mosaic
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from tests.e2e.conftest import RunningSandbox
from tests.wavs import wav

EXAMPLES = Path(__file__).parents[2] / "examples"
REFERENCE = (EXAMPLES / "female_16k.wav").read_bytes()
CODECS = ("opus_24", "opus_10", "opus_6")  # by their bit rate in kbit/s, the best first
NAME = hashlib.sha256(REFERENCE).hexdigest()


@pytest.fixture(scope="module")
def http(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    with sandbox.http() as client:
        yield client


@pytest.fixture(scope="module")
def stored(http: httpx.Client) -> dict[str, Any]:
    """The reference, stored."""
    return store(http, REFERENCE, label="female, 16 kHz")


def store(http: httpx.Client, content: bytes, label: str | None = None) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    answer = http.post("/v1/references", json={"sha256": sha256, "bytes": len(content), "label": label})
    assert answer.status_code == 201, answer.text
    send(answer.json()["upload"], content)
    found = await_ended(http, answer.headers["Location"], 404)
    assert found.status_code == 200, found.text
    return cast(dict[str, Any], found.json())


def send(policy: dict[str, Any], content: bytes) -> None:
    uploaded = httpx.post(policy["url"], data=policy["fields"], files={"file": ("x.wav", content, "audio/wav")})
    assert uploaded.status_code in (201, 204), uploaded.text


def await_ended(http: httpx.Client, path: str, status: int) -> httpx.Response:
    """Ask until the answer has another status."""

    def pends(answer: httpx.Response) -> bool:
        return answer.status_code == status and "rule" not in answer.json()

    asking = retry(retry=retry_if_result(pends), wait=wait_fixed(1.0), stop=stop_after_delay(60))
    return asking(lambda: http.get(path))()


def score(http: httpx.Client, name: str) -> httpx.Response:
    return http.post(
        "/v1/score",
        params={"reference": NAME, "mode": "wb", "label": name},
        content=(EXAMPLES / f"female_16k_{name}.wav").read_bytes(),
        headers={"Content-Type": "audio/wav"},
    )


def test_three_codecs_are_scored_against_it_in_a_call_each(http: httpx.Client, stored: dict[str, Any]) -> None:
    assert (stored["sha256"], stored["bytes"], stored["sample_rate_hz"]) == (NAME, len(REFERENCE), 16000)
    made = [score(http, codec) for codec in CODECS]
    assert [answer.status_code for answer in made] == [202] * 3, made[0].text
    jobs = [await_ended(http, answer.headers["Location"], 202).json() for answer in made]
    assert [job["state"] for job in jobs] == ["succeeded"] * 3
    scores = [job["result"]["mos_lqo"] for job in jobs]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 0.3
    assert {job["reference"]["sha256"] for job in jobs} == {NAME}


def test_the_score_is_that_of_a_job_with_two_uploads(
    http: httpx.Client, stored: dict[str, Any], mosaic: Mosaic, tmp_path: Path
) -> None:
    reference = tmp_path / "reference.wav"
    reference.write_bytes(REFERENCE + b"\0\0")  # bytes after the audio: another file, and the same sound
    by_uploads = mosaic.score(reference, EXAMPLES / "female_16k_opus_10.wav")
    answer = score(http, "opus_10")
    in_one_call = await_ended(http, answer.headers["Location"], 202).json()
    assert in_one_call["result"]["mos_lqo"] == pytest.approx(by_uploads.mos_lqo, abs=1e-6)


def test_a_job_that_names_it_takes_one_upload(http: httpx.Client, stored: dict[str, Any]) -> None:
    job = http.post("/v1/jobs", json={"reference": {"sha256": NAME}}).json()
    assert set(job["uploads"]) == {"degraded"}
    send(job["uploads"]["degraded"], (EXAMPLES / "female_16k_noise_10.wav").read_bytes())
    found = await_ended(http, f"/v1/jobs/{job['id']}", 202).json()
    assert found["result"]["mos_lqo"] < 3.5


def test_another_tenant_sees_and_uses_none_of_it(sandbox: RunningSandbox, stored: dict[str, Any]) -> None:
    with sandbox.http(sandbox.other_key) as other:
        assert other.get(f"/v1/references/{NAME}").status_code == 404
        assert other.delete(f"/v1/references/{NAME}").status_code == 404
        assert NAME not in other.get("/v1/references").text
        assert score(other, "opus_6").status_code == 404
        job = other.post("/v1/jobs", json={"reference": {"sha256": NAME}}).json()
        assert set(job["uploads"]) == {"reference", "degraded"}
    with sandbox.http() as own:
        assert NAME in own.get("/v1/references").text


def test_what_was_not_declared_is_refused_and_the_answer_says_why(http: httpx.Client) -> None:
    """This emulator lets other bytes in than the policy names; S3 does not."""
    declared = hashlib.sha256(secrets.token_bytes(16)).hexdigest()
    answer = http.post("/v1/references", json={"sha256": declared})
    send(answer.json()["upload"], wav(1.0))
    refused = await_ended(http, answer.headers["Location"], 404).json()
    assert (refused["status"], refused["rule"]) == (404, "sha256_mismatch")


def test_a_deleted_one_is_gone_and_can_be_stored_again(http: httpx.Client) -> None:
    content = wav(samples=secrets.token_bytes(32000))
    for _ in range(2):
        found = store(http, content)
        assert http.delete(found["links"]["self"]).status_code == 204
        assert http.get(found["links"]["self"]).status_code == 404


def test_the_service_tells_its_engine_and_its_seats(http: httpx.Client) -> None:
    told = http.get("/v1/service").json()
    [pool] = told["pools"]
    assert (pool["engine"], pool["versions"], pool["seats"]) == ("visqol", ["3.8.0"], 2)
    assert [host["state"] for host in pool["hosts"]] == ["ready"]
    assert set(pool["lanes"]) == {"interactive", "bulk"}
    assert told["limits"]["score_bytes"] == 4 * 1024 * 1024
