"""Bad input is refused with a message that names the fix, before it reaches a seat; odd but good input is scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from mosaic import Invalid, Job, Mosaic, NotFound, Unauthorized, UploadRefused
from mosaic.models import State

from tests import wavs
from tests.e2e.conftest import RunningSandbox
from tests.wavs import chunk, extensible_fmt, riff, wav

EXAMPLES = Path(__file__).parents[2] / "examples"
REFERENCE = EXAMPLES / "female_16k.wav"
SPEECH = REFERENCE.read_bytes()[44:]  # a plain header, as the examples' own script writes it

BAD = {
    "no WAV at all": (b"this is a letter, not a recording " * 40, "not_wav", "PCM"),
    "FLAC": (b"fLaC" + bytes(5000), "not_wav", "FLAC"),
    "MP3": (b"ID3\x04" + bytes(5000), "not_wav", "MP3"),
    "truncated": (wav(2.0)[:20_000], "truncated", "whole"),
    "stereo": (wav(2.0, channels=2), "stereo", "prepare.degraded.channel"),
    "8-bit": (wav(2.0, bits=8), "bits_per_sample", "prepare.degraded.decode"),
    "24-bit": (wav(2.0, bits=24), "bits_per_sample", "prepare.degraded.decode"),
    "A-law": (wav(2.0, 16000, bits=8, format_tag=wavs.ALAW), "encoding", "prepare.degraded.decode"),
    "µ-law": (wav(2.0, 16000, bits=8, format_tag=wavs.MULAW), "encoding", "prepare.degraded.decode"),
    "a rate of no mode": (wav(2.0, 44100), "sample_rate", "prepare.degraded.resample: 16000"),
    "8 kHz": (wav(2.0, 8000), "sample_rate", "prepare.degraded.resample: 16000"),
    "0.2 s": (wav(0.2), "too_short", "0.2"),
    "longer than 600 s": (wav(601.0), "too_long", "600"),
    "an unfinalised header": (riff(wavs.fmt(), chunk(b"data", bytes(32000), size=0)), "unfinalised_header", "header"),
}

GOOD = {
    "WAVE_FORMAT_EXTENSIBLE": riff(extensible_fmt(), chunk(b"data", SPEECH)),
    "chunks before and after": wav(
        samples=SPEECH, before=[chunk(b"LIST", b"INFO"), chunk(b"bext", bytes(602))], after=[chunk(b"id3 ", b"x" * 80)]
    ),
    "odd-sized chunks": wav(samples=SPEECH, before=[chunk(b"junk", b"odd")], after=[chunk(b"note", b"o")]),
    "bytes after data": wav(samples=SPEECH) + b"left over by a recorder",
}


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "degraded.wav"
        path.write_bytes(content)
        return path

    return write


def _ended(mosaic: Mosaic, degraded: Path) -> Job:
    job = mosaic.create(REFERENCE, degraded)
    mosaic.upload(job, reference=REFERENCE, degraded=degraded)
    return mosaic.wait(job, timeout=60)


@pytest.mark.parametrize("name", BAD)
def test_bad_audio_is_refused_and_the_message_names_the_fix(
    name: str, mosaic: Mosaic, file: Callable[[bytes], Path]
) -> None:
    content, code, fix = BAD[name]
    job = _ended(mosaic, file(content))
    assert job.state is State.FAILED
    assert job.attempts == 0, "it reached a worker"
    assert job.error
    assert (job.error.category, job.error.code, job.error.file) == ("bad_input", code, "degraded")
    assert fix in job.error.message


@pytest.mark.parametrize("name", GOOD)
def test_odd_but_good_audio_is_scored(name: str, mosaic: Mosaic, file: Callable[[bytes], Path]) -> None:
    job = _ended(mosaic, file(GOOD[name]))
    assert job.result
    assert job.result.mos_lqo == pytest.approx(4.55, abs=0.05), "the same speech against itself"


def test_what_prepare_mends_is_scored_and_said(mosaic: Mosaic, file: Callable[[bytes], Path]) -> None:
    narrow = file(wav(8.0, 8000, samples=SPEECH[: 2 * 8000 * 6]))
    job = mosaic.create(REFERENCE, narrow, prepare={"degraded": {"resample": 16000}})
    mosaic.upload(job, reference=REFERENCE, degraded=narrow)
    result = mosaic.wait(job, timeout=60).result
    assert result
    assert "narrowband_on_wideband_scale" in [advice.code for advice in result.warnings]


def test_a_file_of_another_sha256_is_never_scored(mosaic: Mosaic, file: Callable[[bytes], Path]) -> None:
    declared = file(wav(samples=SPEECH))
    job = mosaic.create(REFERENCE, declared)
    file(wav(samples=SPEECH[:-2] + b"\x01\x01"))
    mosaic.upload(job, reference=REFERENCE, degraded=declared)  # S3 refuses it; this emulator lets it in
    job = mosaic.wait(job, timeout=60)
    assert job.error
    assert job.error.code == "sha256_mismatch"


def test_an_upload_larger_than_declared_is_refused_by_the_store(mosaic: Mosaic, file: Callable[[bytes], Path]) -> None:
    declared = file(wav(samples=SPEECH))
    job = mosaic.create(REFERENCE, declared)
    file(wav(samples=SPEECH + bytes(2000)))
    with pytest.raises(UploadRefused) as refused:
        mosaic.upload(job, degraded=declared)
    assert refused.value.code == "EntityTooLarge"


def test_a_start_without_its_uploads_names_them(sandbox: RunningSandbox) -> None:
    with sandbox.http() as http:
        job = http.post("/v1/jobs", json={"start": "manual"}).json()
        answer = http.post(f"/v1/jobs/{job['id']}/start")
    assert answer.status_code == 409
    assert answer.json()["missing"] == ["reference", "degraded"]


def test_nobody_sees_what_is_not_theirs(sandbox: RunningSandbox, mosaic: Mosaic) -> None:
    with sandbox.http() as http:
        job_id = http.post("/v1/jobs", json={}).json()["id"]
    with Mosaic(sandbox.url, sandbox.other_key) as stranger, pytest.raises(NotFound):
        stranger.get(job_id)
    with pytest.raises(NotFound):
        mosaic.get("0" * 32)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
def test_a_missing_or_wrong_key_opens_nothing(sandbox: RunningSandbox, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{sandbox.url}/v1/jobs", json={}, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("application/problem+json")
    with Mosaic(sandbox.url, "wrong") as stranger, pytest.raises(Unauthorized):
        stranger.get("0" * 32)


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ('{"label": ', 400, None),
        ('{"labell": "x"}', 422, "/labell"),
        ('{"reference": {"bytes": "x"}}', 422, "/reference/bytes"),
    ],
)
def test_a_bad_body_is_told_what_is_wrong_with_it(
    sandbox: RunningSandbox, body: str, status: int, pointer: str | None
) -> None:
    with sandbox.http() as http:
        answer = http.post("/v1/jobs", content=body, headers={"content-type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert [error["pointer"] for error in problem.get("errors", [])] == ([pointer] if pointer else [])


def test_an_invalid_request_comes_back_as_a_typed_error(mosaic: Mosaic) -> None:
    with pytest.raises(Invalid) as invalid:
        mosaic.create(REFERENCE, REFERENCE, mode="swb")
    assert "wb" in str(invalid.value)
