"""Logs: JSON lines, each with its component and what it is about, and nothing of the frames behind an error."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from shared import logs
from tests.jobs_for_tests import new_job

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    before = structlog.get_config()
    stream = io.StringIO()
    logs.configure("test", stream)
    yield stream
    structlog.configure(**before)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_and_says_who_when_and_what(stream: io.StringIO) -> None:
    logs.get("some.module").info("job_started", seats=2)
    [line] = lines(stream)
    stamp = datetime.fromisoformat(str(line.pop("timestamp")))
    assert stamp.utcoffset() is not None
    assert not stamp.utcoffset()
    assert line == {"event": "job_started", "component": "test", "module": "some.module", "level": "info", "seats": 2}


def test_a_value_never_breaks_a_line(stream: io.StringIO) -> None:
    logs.get("m").info("e", text='two\nlines "quoted"', odd=object(), path=b"\xff")
    [line] = lines(stream)
    assert line["text"] == 'two\nlines "quoted"'


def test_details_for_developers_are_left_out(stream: io.StringIO) -> None:
    logs.get("m").debug("noise")
    assert lines(stream) == []


def test_a_line_about_a_job_names_it_and_the_next_does_not(stream: io.StringIO) -> None:
    job = new_job()
    with logs.about(job):
        logs.get("m").info("inside")
    logs.get("m").info("outside")
    inside, outside = lines(stream)
    assert (inside["job_id"], inside["tenant"], inside["attempt"]) == (job.id, "acme", 0)
    assert "job_id" not in outside


def test_every_thread_says_its_component_and_its_own_job(stream: io.StringIO) -> None:
    job, other = new_job(), new_job()

    def elsewhere() -> None:
        logs.get("m").info("bare")
        with logs.about(other):
            logs.get("m").info("bound")

    with logs.about(job):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    bare, bound = lines(stream)
    assert {line["component"] for line in (bare, bound)} == {"test"}
    assert "job_id" not in bare
    assert bound["job_id"] == other.id


def test_an_error_shows_where_but_no_value_of_its_frames(stream: io.StringIO) -> None:
    def fail(event: dict[str, str]) -> None:
        signature = event["x-api-key"] + "-signed"
        raise RuntimeError(f"failed after {len(signature)} characters")

    try:
        fail({"x-api-key": "s3cr3t"})
    except RuntimeError:
        logs.get("m").exception("request_failed")
    [line] = lines(stream)
    assert line["event"] == "request_failed"
    assert "fail" in str(line["exception"])
    assert "RuntimeError" in str(line["exception"])
    assert "s3cr3t" not in stream.getvalue()
    assert "locals" not in stream.getvalue()


@pytest.fixture(params=["a full disk", "a pipe that nobody reads"])
def broken(request: pytest.FixtureRequest) -> Iterator[TextIO]:
    if request.param == "a full disk":
        stream = Path("/dev/full").open("w")  # noqa: SIM115 - closed below, where its buffer may be in the way
    else:
        nobody, end = os.pipe()
        os.close(nobody)
        stream = os.fdopen(end, "w")
    yield stream
    with suppress(OSError):
        stream.close()


def test_a_line_that_cannot_be_written_stops_nobody(stream: io.StringIO, broken: TextIO) -> None:
    teed: list[str] = []
    logs.configure("test", broken, tee=teed.append)
    log = logs.get("m")
    log.info("first")
    try:
        int("unforeseen")
    except ValueError:
        log.exception("second")
    assert [json.loads(line)["event"] for line in teed] == ["first", "second"]


def test_the_causes_of_an_error_hold_no_value_either(stream: io.StringIO) -> None:
    def fail(secret: str) -> None:
        try:
            int("x" + secret[:0])
        except ValueError as error:
            raise RuntimeError("outer") from error

    try:
        fail("s3cr3t")
    except RuntimeError:
        logs.get("m").exception("request_failed")
    assert "ValueError" in stream.getvalue()
    assert "s3cr3t" not in stream.getvalue()


def test_every_line_that_the_worker_may_write_is_explained_to_whoever_is_woken_by_it() -> None:
    files = [*(ROOT / "worker").rglob("*.py"), ROOT / "shared" / "claims.py"]
    told = r'\blog\.(?:info|warning|error|exception)\(\s*"([a-z_]+)"'
    events = {event for file in files for event in re.findall(told, file.read_text())}
    assert len(events) > 50
    explained = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "operate.md").read_text()))
    assert events <= explained
