"""Uploading a job's files."""

from __future__ import annotations

import threading
import tracemalloc
from pathlib import Path
from threading import Barrier, Event

import httpx
import pytest
from mosaic import Conflict, Mosaic, Progress, Role, Step, Unreachable, UploadRefused

from tests.unit.client.fake_service import EXPIRED, KEY, LOST, FakeService, problem, storage_error
from tests.unit.client.idle_clock import IdleClock

MIB = 1024 * 1024


def test_the_form_holds_the_fields_first_and_the_file_last(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    mosaic.upload(job, reference=reference, degraded=degraded)
    sent = {dict(request.parts)["key"].decode(): request for request in service.uploads()}
    assert set(sent) == {f"jobs/{job.id}/reference.wav", f"jobs/{job.id}/degraded.wav"}
    parts = sent[f"jobs/{job.id}/degraded.wav"].parts
    assert [name for name, _ in parts] == ["key", "Content-Type", "x-amz-signature", "file"]
    assert parts[-1] == ("file", degraded.read_bytes())


def test_the_storage_never_sees_the_api_key_or_the_name_of_the_file(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    mosaic.upload(mosaic.create(reference, degraded), reference=reference, degraded=degraded)
    assert len(service.uploads()) == 2
    for request in service.uploads():
        assert KEY not in str(request.headers)
        assert KEY.encode() not in request.body
        assert b"clean speech" not in request.body


def test_both_files_are_uploaded_at_once(
    idle: IdleClock, service: FakeService, reference: Path, degraded: Path
) -> None:
    both_here = Barrier(2, timeout=10)

    class Meeting(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/storage":
                both_here.wait()
            return super().handle_request(request)

    with Mosaic(service.url, KEY, clock=idle, transport=Meeting()) as mosaic:
        mosaic.upload(mosaic.create(reference, degraded), reference=reference, degraded=degraded)
    assert len(service.uploads()) == 2


def test_a_broken_connection_and_5xx_are_tried_again(
    mosaic: Mosaic, service: FakeService, idle: IdleClock, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    service.will(
        "POST /storage",
        LOST,
        storage_error(503, "SlowDown", "Please reduce your request rate."),
        storage_error(400, "RequestTimeout", "Your socket connection was not read from in time."),
    )
    mosaic.upload(job, degraded=degraded)
    assert [len(request.parts[-1][1]) for request in service.uploads()] == [1800] * 4
    assert len(idle.naps) == 3


def test_a_storage_that_stays_away_is_unreachable(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    service.will("POST /storage", *[LOST] * 10)
    with pytest.raises(Unreachable, match="degraded"):
        mosaic.upload(job, degraded=degraded)
    assert len(service.uploads()) == 5


def test_a_refusal_is_told_in_the_storages_words_and_not_repeated(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    service.will("POST /storage", storage_error(400, "EntityTooLarge", "Larger than &quot;allowed&quot;."))
    with pytest.raises(UploadRefused, match='Larger than "allowed"') as caught:
        mosaic.upload(job, reference=reference)
    assert (caught.value.code, caught.value.status) == ("EntityTooLarge", 400)
    assert len(service.uploads()) == 1


def test_an_expired_policy_is_renewed_once(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    service.will("POST /storage", EXPIRED, EXPIRED)
    mosaic.upload(job, reference=reference, degraded=degraded)
    assert len(service.asked("POST", f"/v1/jobs/{job.id}/uploads")) == 1
    assert len(service.uploads()) == 4


def test_only_the_file_that_was_refused_is_sent_again(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    service.will("POST /storage", EXPIRED)
    mosaic.upload(job, reference=reference, degraded=degraded)
    sent = [dict(request.parts)["key"] for request in service.uploads()]
    assert len(sent) == 3
    assert sent[2] == sent[0]


def test_a_policy_refused_twice_is_a_refusal(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    service.will("POST /storage", EXPIRED, EXPIRED)
    with pytest.raises(UploadRefused, match="Policy expired"):
        mosaic.upload(job, degraded=degraded)
    assert len(service.uploads()) == 2


def test_no_fresh_policy_for_a_job_that_awaits_no_upload(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    job = mosaic.create(reference, degraded)
    service.will("POST /storage", EXPIRED)
    service.will("POST /v1/jobs/ID/uploads", problem(409, "The job was cancelled."))
    with pytest.raises(Conflict, match="cancelled"):
        mosaic.upload(job, degraded=degraded)


def test_a_file_that_is_stored_already_is_not_sent(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.stored.add("reference")
    mosaic.upload(mosaic.create(reference, degraded), reference=reference, degraded=degraded)
    assert [dict(request.parts)["file"] for request in service.uploads()] == [degraded.read_bytes()]


def test_a_job_got_later_is_uploaded_with_fresh_policies(
    mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path
) -> None:
    service.states = ["awaiting_upload"]
    job = mosaic.get(mosaic.create(reference, degraded).id)
    mosaic.upload(job, reference=reference, degraded=degraded)
    assert len(service.uploads()) == 2


def test_progress_reaches_the_whole_file(mosaic: Mosaic, service: FakeService, reference: Path, degraded: Path) -> None:
    seen: list[Progress] = []
    mosaic.upload(mosaic.create(reference, degraded), reference=reference, degraded=degraded, on_progress=seen.append)
    assert {progress.step for progress in seen} == {Step.UPLOADING}
    for role, size in [(Role.REFERENCE, 3000), (Role.DEGRADED, 1800)]:
        assert [progress.done for progress in seen if progress.role is role][-1] == size


def test_an_upload_never_holds_its_file_in_memory(
    mosaic: Mosaic, service: FakeService, degraded: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(64 * MIB)
    tracemalloc.start()
    try:
        mosaic.upload(mosaic.create(large, degraded), reference=large)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert service.uploads()[0].length > 64 * MIB
    assert peak < 8 * MIB


def test_the_first_error_abandons_the_other_upload(
    service: FakeService, idle: IdleClock, degraded: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(8 * MIB)
    begun, failed = Event(), Event()
    read: list[int] = []

    def interrupt(progress: Progress) -> None:
        if progress.role is Role.DEGRADED:
            assert begun.wait(10)
            raise RuntimeError("enough")
        read.append(progress.done)
        begun.set()
        assert failed.wait(10)

    with Mosaic(service.url, KEY, clock=idle) as mosaic:
        job = mosaic.create(large, degraded)
        with pytest.raises(RuntimeError, match="enough"):
            mosaic.upload(job, reference=large, degraded=degraded, on_progress=interrupt)
        failed.set()
        for thread in threading.enumerate():
            if thread.name == "mosaic-upload":
                thread.join(10)
    assert max(read) < 8 * MIB
