"""A job's two files on this host, in a fresh directory of its own."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from shared import logs
from shared.job import Job, Role
from worker import reference_cache
from worker.disk import Disk, is_full, no_room
from worker.engines.engine import EngineError, FailureClass
from worker.reference_cache import ReferenceCache

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from types_boto3_s3 import S3Client
    from urllib3 import HTTPResponse

    from worker.cancellation import Cancellation
    from worker.patience import Patience

MOST_BYTES = 64 * 1024  # of a download, taken at once: as much as is there
SCRATCH = "scratch"  # the engine's own directory, within the job's

TO_DO_LEFT = "It holds a client's audio: remove it by hand, or restart the worker, which tries it once more."

_OURS = re.compile(r"[0-9a-f]{32}-\d+")

log = logs.get(__name__)


class RootInUse(Exception):
    """Another worker has the same directory."""


class FetchStopped(Exception):
    """The worker ends: nothing is fetched any more."""


@dataclass(frozen=True)
class _Fetching:
    """A job whose files are on their way."""

    job: Job
    directory: Path
    cancelled: Cancellation
    failed: threading.Event = field(default_factory=threading.Event)  # one of them: the other is of no use

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Where that raises, one of them failed."""
        try:
            yield
        except BaseException:
            self.failed.set()
            raise


class JobFiles:
    """Makes the directories under `root`, fills and removes them."""

    def __init__(  # noqa: PLR0913 - where the bucket, this disk and its rules meet
        self,
        *,
        s3: S3Client,
        bucket: str,
        root: Path,
        patience: Patience,
        references: ReferenceCache,
        disk: Disk,
        most_at_once: int,
    ) -> None:
        """No more than `most_at_once` jobs' files are to be fetched at once: a thread each beside whoever fetches."""
        self._s3 = s3
        self._bucket = bucket
        self._root = root
        self._patience = patience
        self._references = references
        self._disk = disk
        self._hurried = threading.Event()
        self._threads = ThreadPoolExecutor(most_at_once, "download")

    def hurry(self) -> None:
        """Fetch nothing any more: whoever does gets FetchStopped."""
        self._hurried.set()

    def start(self) -> None:
        """Own the root, and remove the directories that an earlier worker left in it. Raises RootInUse."""
        self._root.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._lock = (self._root / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RootInUse(f"Another worker works in {self._root}. Give each its own.") from None
        for left in self._root.iterdir():
            if _OURS.fullmatch(left.name):
                self.remove(left)

    def fetch(self, job: Job, cancelled: Cancellation) -> Path:
        """A fresh directory with an empty `scratch`, and both files.

        Each is the very version that was started, or, of a reference, what was declared by its hash and kept from an
        earlier job (see reference_cache.py).

        Raises EngineError: `bad_input` where a file was changed since the start or is not what was declared,
        `throttled` where there was no room for it, `config` where this host may not read it. Raises WasCancelled and
        FetchStopped.
        """
        directory = self._root / f"{job.id}-{job.attempt}"
        try:
            self._fill(directory, job, cancelled)
        except BaseException as error:
            self.remove(directory)
            if is_full(error):
                self._disk.ran_out()
                raise no_room(error) from None
            raise
        return directory

    def remove(self, directory: Path) -> None:
        """Remove a job's directory and all in it, also what an engine made unwritable; what stays is told."""
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        _open_up(directory)
        try:
            shutil.rmtree(directory)
        except OSError as error:
            if directory.exists():
                log.warning("directory_left", directory=str(directory), why=str(error), to_do=TO_DO_LEFT)

    def _fill(self, directory: Path, job: Job, cancelled: Cancellation) -> None:
        """Both files at once, for the slower one of them is what a job waits for; where one fails, the other ends.

        But not a reference that is kept for other jobs, too.
        """
        directory.mkdir(mode=0o700)
        (directory / SCRATCH).mkdir()
        fetching = _Fetching(job, directory, cancelled)
        with fetching.failing():  # where no thread can be made, another one takes it up later
            beside = self._threads.submit(copy_context().run, self._bring, fetching, Role.DEGRADED)
        errors = []
        for bring in (partial(self._bring, fetching, Role.REFERENCE), beside.result):
            try:
                bring()
            except BaseException as error:  # the other one is waited for: nobody may write to what is to be removed
                errors.append(error)
        if errors:
            # The first of them, the reference's; but never that it was stopped because the other one failed.
            raise min(errors, key=lambda error: isinstance(error, FetchStopped))

    def _bring(self, fetching: _Fetching, role: Role) -> None:
        with fetching.failing():
            self._check(fetching)
            target = fetching.directory / f"{role}.wav"
            reference = reference_cache.declared(fetching.job) if role is Role.REFERENCE else None
            if reference:  # other jobs may wait for it, or will: it comes in though this one's other file fails
                fetching = replace(fetching, failed=threading.Event())
            download = partial(self._patience, partial(self._download, fetching, role, target))
            if reference:
                self._references.provide(reference, target, download)
            else:
                download()

    def _download(self, fetching: _Fetching, role: Role, target: Path) -> None:
        """One try of however many: each looks whether the job is still wanted, and so does each chunk."""
        self._check(fetching)
        file, digest = fetching.job.file(role), hashlib.sha256()
        try:
            response = self._s3.get_object(Bucket=self._bucket, Key=file.key, IfMatch=file.etag or "*")
        except ClientError as error:
            raise _refused(error, role) from None
        opened = cast("AbstractContextManager[HTTPResponse]", response["Body"])  # entered, it is urllib3's own
        with opened as body, target.open("wb") as written:
            while chunk := body.read1(MOST_BYTES):  # what there is: one that trickles is looked at as it does
                self._check(fetching)
                digest.update(chunk)
                written.write(chunk)
        if file.sha256 and digest.hexdigest() != file.sha256:
            message = f"The {role} file has another SHA-256 than was declared. Hash what you upload, in a new job."
            raise EngineError(FailureClass.BAD_INPUT, "sha256_mismatch", message, role)

    def _check(self, fetching: _Fetching) -> None:
        fetching.cancelled.check()
        if self._hurried.is_set() or fetching.failed.is_set():
            raise FetchStopped


def _open_up(directory: Path) -> None:
    """Let its owner do everything in a directory and those below it."""
    with suppress(OSError):
        directory.chmod(0o700)
        for below in directory.iterdir():
            if below.is_dir() and not below.is_symlink():
                _open_up(below)


def _refused(error: ClientError, role: Role) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "PreconditionFailed":
        message = f"The {role} file was replaced after the job was started. Create a new job with the new file."
        return EngineError(FailureClass.BAD_INPUT, "changed_after_start", message, role)
    if code == "NoSuchKey":
        message = f"The {role} file was removed after the job was started. Create a new job and upload it again."
        return EngineError(FailureClass.BAD_INPUT, "removed_after_start", message, role)
    if code == "AccessDenied":
        message = (
            f"This host may not read the {role} file. Allow its role s3:GetObject on jobs/* and references/*; and"
            " s3:ListBucket, without which S3 says this of a file that is not there (API Reference, GetObject)."
        )
        return EngineError(FailureClass.CONFIG, "access_denied", message, role)
    return error
