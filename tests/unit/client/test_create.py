"""Creating a job."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from mosaic import FileProblem, Mosaic, Progress, Role, State, Step
from mosaic.files import Recording

from tests.unit.client.fake_service import KEY, LOST, FakeService, problem
from tests.unit.client.idle_clock import IdleClock


def test_size_and_hash_of_both_files_are_declared(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    mosaic.create(reference, degraded)
    body = service.asked("POST", "/v1/jobs")[0].document
    assert body == {
        "reference": {"bytes": 3000, "sha256": hashlib.sha256(reference.read_bytes()).hexdigest()},
        "degraded": {"bytes": 1800, "sha256": hashlib.sha256(degraded.read_bytes()).hexdigest()},
    }


def test_options_are_sent_and_absent_ones_are_left_to_the_service(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(
        reference,
        degraded,
        mode="nb",
        engine=None,
        start="manual",
        label="codec=amr",
        metadata={"call": "17"},
        prepare={"degraded": {"resample": 16000}},
    )
    body = service.asked("POST", "/v1/jobs")[0].document
    assert {name: body[name] for name in body if name not in {"reference", "degraded"}} == {
        "mode": "nb",
        "start": "manual",
        "label": "codec=amr",
        "metadata": {"call": "17"},
        "prepare": {"degraded": {"resample": 16000}},
    }
    assert (job.state, job.mode, job.label) == (State.AWAITING_UPLOAD, "nb", "codec=amr")
    assert set(job.uploads) == {Role.REFERENCE, Role.DEGRADED}


def test_a_lost_answer_makes_no_second_job(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.will("POST /v1/jobs", LOST, problem(503, "Busy."))
    job = mosaic.create(reference, degraded)
    keys = [request.headers["idempotency-key"] for request in service.asked("POST", "/v1/jobs")]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert list(service.jobs) == [job.id]


def test_two_calls_make_two_jobs(mosaic: Mosaic, reference: Path, degraded: Path) -> None:
    assert mosaic.create(reference, degraded).id != mosaic.create(reference, degraded).id


def test_the_same_idempotency_key_is_the_same_job(mosaic: Mosaic, reference: Path, degraded: Path) -> None:
    first = mosaic.create(reference, degraded, idempotency_key="call-17")
    assert mosaic.create(reference, degraded, idempotency_key="call-17").id == first.id


def test_hashing_tells_its_progress(mosaic: Mosaic, reference: Path, degraded: Path) -> None:
    seen: list[Progress] = []
    mosaic.create(reference, degraded, on_progress=seen.append)
    assert Progress(Step.HASHING, Role.REFERENCE, 3000, 3000) in seen
    assert Progress(Step.HASHING, Role.DEGRADED, 1800, 1800) in seen


def test_a_problem_of_a_file_fails_before_any_request(
    mosaic: Mosaic, service: FakeService, reference: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    for path, reason in [
        (tmp_path / "none.wav", "does not exist"),
        (empty, "is empty"),
        (tmp_path, "is a directory"),
        (large, "64 MiB"),
        (Path("/dev/zero"), "no regular file"),
    ]:
        with pytest.raises(FileProblem, match=reason) as caught:
            mosaic.create(reference, path)
        assert str(path) in str(caught.value)
    assert service.requests == []


def test_a_file_that_breaks_while_it_is_read_is_told_as_its_problem() -> None:
    broken = Recording(Path("/proc/self/mem"), 10)  # its first bytes are mapped to nothing: EIO
    with pytest.raises(FileProblem, match="/proc/self/mem cannot be read: Input/output error"):
        broken.sha256(lambda _: None)


def test_a_file_of_exactly_64_mib_is_taken(mosaic: Mosaic, reference: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    assert mosaic.create(reference, large)


def test_a_path_under_the_host_is_kept(service: FakeService, idle: IdleClock) -> None:
    service.will("GET", problem(404, "none"))
    with Mosaic(f"{service.url}/prod/", KEY, clock=idle) as mosaic, pytest.raises(Exception, match="none"):
        mosaic.get("a/../b")
    assert service.requests[0].path == "/prod/v1/jobs/a%2F..%2Fb"
