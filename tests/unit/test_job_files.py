"""A job's files on this host: fetched while they are wanted, refused for what is wrong with them, and gone with it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from itertools import count
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING
from unittest.mock import create_autospec

import boto3
import pytest
from botocore.config import Config
from structlog.testing import capture_logs

from shared.job import Role
from tests.jobs_for_tests import new_job
from tests.unit.answering_aws import AnsweringAws, Said
from worker.cancellation import Cancellation, WasCancelled
from worker.disk import Disk
from worker.engines.engine import EngineError, FailureClass
from worker.job_files import FetchStopped, JobFiles
from worker.patience import Patience
from worker.reference_cache import ReferenceCache

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

NOBODY = 65534
FILE = secrets.token_bytes(1000)
NOT_THERE = b"<Error><Code>NoSuchKey</Code></Error>"


@pytest.fixture
def s3() -> S3Client:
    return boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def cancelled() -> Iterator[Cancellation]:
    with Cancellation() as cancelled:
        yield cancelled


@pytest.fixture
def files(s3: S3Client, tmp_path: Path) -> JobFiles:
    return files_in(tmp_path, s3)


def files_in(root: Path, s3: S3Client, references: ReferenceCache | None = None) -> JobFiles:
    return JobFiles(
        s3=s3,
        bucket="bucket",
        root=root,
        patience=Patience(),
        references=references or ReferenceCache(root / "references", 0),
        disk=create_autospec(Disk),
        most_at_once=1,
    )


def test_a_download_that_fails_is_not_tried_for_ever_where_its_job_is_cancelled(
    files: JobFiles, s3: S3Client, cancelled: Cancellation, tmp_path: Path
) -> None:
    def broken(_: str) -> Said:
        cancelled.set()
        return Said(503, "SlowDown", form="xml")

    AnsweringAws([s3], broken)
    with pytest.raises(WasCancelled):
        files.fetch(new_job(), cancelled)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_host_may_not_read_puts_its_job_back_and_says_which_rights_to_give(
    files: JobFiles, s3: S3Client, cancelled: Cancellation
) -> None:
    AnsweringAws([s3], lambda _: Said(403, "AccessDenied", form="xml"))
    with pytest.raises(EngineError, match=r"s3:GetObject.*s3:ListBucket") as refused:
        files.fetch(new_job(), cancelled)
    assert refused.value.failure_class is FailureClass.CONFIG


@pytest.fixture
def shared_root() -> Iterator[Path]:
    """A directory that a user without privileges reaches, and owns."""
    root = Path(tempfile.mkdtemp())
    os.chown(root, NOBODY, -1)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """For root may remove whatever it likes."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


@pytest.mark.usefixtures("unprivileged")
def test_a_directory_that_an_engine_made_unwritable_is_removed(shared_root: Path, s3: S3Client) -> None:
    left = shared_root / f"{secrets.token_hex(16)}-1"
    inner = left / "scratch" / "polqa"
    inner.mkdir(parents=True)
    (inner / "speech.wav").write_bytes(b"RIFF")
    for path in (inner, inner.parent):
        path.chmod(stat.S_IRUSR)
    with capture_logs() as lines:
        files_in(shared_root, s3).remove(left)
    assert not left.exists()
    assert lines == []


@pytest.mark.usefixtures("unprivileged")
def test_a_directory_that_cannot_be_removed_is_told_with_what_to_do(shared_root: Path, s3: S3Client) -> None:
    left = shared_root / f"{secrets.token_hex(16)}-1"
    left.mkdir()
    shared_root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with capture_logs() as lines:
        files_in(shared_root, s3).remove(left)
    [line] = lines
    assert (line["event"], line["log_level"], line["directory"]) == ("directory_left", "warning", str(left))
    assert "by hand" in line["to_do"]
    shared_root.chmod(stat.S_IRWXU)


class Storage:
    """An S3 that sends each file as the test says: `send` is given what to write to, and how often it was asked.

    Of the roles that are `missing` it says that there is no such file; of the reference after the degraded one.
    """

    def __init__(self, send: Callable[[BufferedIOBase, int], None], *missing: Role) -> None:
        asked, refused = count(1), Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if any(f"/{role}.wav" in self.path for role in missing):
                    self._refuse()
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(FILE)))
                self.end_headers()
                send(self.wfile, next(asked))
                self.close_connection = True

            def _refuse(self) -> None:
                if len(missing) == len(Role) and Role.REFERENCE in self.path:
                    refused.wait(60)
                self.send_response(404)
                self.send_header("Content-Length", str(len(NOT_THERE)))
                self.end_headers()
                self.wfile.write(NOT_THERE)
                refused.set()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> S3Client:
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        once = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client("s3", config=once, endpoint_url=self.url)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_download_that_trickles_ends_once_the_worker_hurries(tmp_path: Path, cancelled: Cancellation) -> None:
    ended = Event()

    def trickle(body: BufferedIOBase, _: int) -> None:
        hurried.hurry()
        body.write(b"x")
        ended.wait(60)  # all others are still to come

    with Storage(trickle) as s3:
        hurried = files_in(tmp_path, s3)
        with pytest.raises(FetchStopped):
            hurried.fetch(new_job(), cancelled)
        ended.set()
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_is_made_again(tmp_path: Path, cancelled: Cancellation) -> None:
    def send(body: BufferedIOBase, asked: int) -> None:
        body.write(FILE[:400] if asked == 1 else FILE)

    with Storage(send) as s3:
        directory = files_in(tmp_path, s3).fetch(new_job(), cancelled)
    assert {role: (directory / f"{role}.wav").read_bytes() for role in Role} == dict.fromkeys(Role, FILE)


def test_both_files_are_fetched_at_once(tmp_path: Path, cancelled: Cancellation) -> None:
    both_asked = Barrier(len(Role), timeout=60)

    def send(body: BufferedIOBase, _: int) -> None:
        both_asked.wait()
        body.write(FILE)

    with Storage(send) as s3:
        directory = files_in(tmp_path, s3).fetch(new_job(), cancelled)
    assert {role: (directory / f"{role}.wav").read_bytes() for role in Role} == dict.fromkeys(Role, FILE)


@pytest.mark.parametrize("missing", Role)
def test_where_one_file_is_not_there_the_other_is_waited_for_no_longer(
    tmp_path: Path, cancelled: Cancellation, missing: Role
) -> None:
    ended = Event()

    def trickle(body: BufferedIOBase, _: int) -> None:
        with suppress(OSError):
            while not ended.wait(0.01):  # a byte at a time, and never all
                body.write(b"x")

    with Storage(trickle, missing) as s3:
        with pytest.raises(EngineError, match=f"{missing} file was removed"):
            files_in(tmp_path, s3).fetch(new_job(), cancelled)
        ended.set()
    assert list(tmp_path.iterdir()) == []


def test_where_no_thread_can_be_made_nothing_is_fetched_also_not_by_one_that_is_made_later(
    s3: S3Client, tmp_path: Path, cancelled: Cancellation, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, left = files_in(tmp_path, s3), []

    def no_thread(call: Callable[..., None], *given: object) -> None:
        left.append(partial(call, *given))  # as the executor does
        raise RuntimeError("can't start new thread")

    aws = AnsweringAws([s3])
    monkeypatch.setattr(files._threads, "submit", no_thread)
    with pytest.raises(RuntimeError, match="new thread"):
        files.fetch(new_job(), cancelled)
    for call in left:
        with pytest.raises(FetchStopped):
            call()
    assert len(left) == 1
    assert aws.signed_by == []
    assert list(tmp_path.iterdir()) == []


def test_a_reference_that_other_jobs_may_wait_for_comes_in_though_the_degraded_file_is_not_there(
    tmp_path: Path, cancelled: Cancellation
) -> None:
    def slow(body: BufferedIOBase, _: int) -> None:
        with suppress(OSError):
            for part in (FILE[:400], FILE[400:]):
                ended.wait(0.3)
                body.write(part)

    ended, job, references = Event(), new_job(), ReferenceCache(tmp_path / "references", 10 * len(FILE))
    declared = job.reference.model_copy(update={"sha256": hashlib.sha256(FILE).hexdigest()})
    with Storage(slow, Role.DEGRADED) as s3:
        files = files_in(tmp_path, s3, references)
        with pytest.raises(EngineError, match="degraded file was removed"):
            files.fetch(job.model_copy(update={"reference": declared}), cancelled)
    assert references.bytes == len(FILE)


def test_where_both_files_are_not_there_it_is_the_reference_that_is_told_of(
    tmp_path: Path, cancelled: Cancellation
) -> None:
    job = new_job()
    declared = job.model_copy(update={"reference": job.reference.model_copy(update={"sha256": "0" * 64})})
    with Storage(lambda *_: None, *Role) as s3, pytest.raises(EngineError, match="reference file was removed"):
        files_in(tmp_path, s3).fetch(declared, cancelled)
