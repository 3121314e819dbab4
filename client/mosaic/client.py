"""The client: create a job, upload its files, wait for its result."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from importlib.metadata import version
from types import TracebackType
from typing import Literal, Self, TypedDict, Unpack
from urllib.parse import quote

import httpx

from mosaic.documents import Document
from mosaic.errors import JobEnded, JobFailed
from mosaic.files import FilePath, Recording
from mosaic.models import Job, Result, Role, State, UploadPolicy, upload_policies
from mosaic.patience import Clock, OnRetry, Patience
from mosaic.progress import OnProgress, Progress, Step, ignore
from mosaic.service import Request, Service
from mosaic.uploads import Uploader, uploads_of
from mosaic.waiting import DEFAULT_TIMEOUT_SECONDS, OnPoll, Polled, Waiting

_DEFAULT_POLL_SECONDS = 1.0


class ScoreOptions(TypedDict, total=False):
    """What may be said of a job; whatever is absent or None is left to the service.

    `mode` is the scale of the score (`nb`, `swb`, `wb`), `engine` the engine's name, `label` and `metadata` are
    the caller's own and come back with the job, `prepare` says by file what the host does to it first, as
    `{"degraded": {"resample": 16000}}`.
    """

    mode: str | None
    engine: str | None
    label: str | None
    metadata: Mapping[str, str] | None
    prepare: Mapping[str, Mapping[str, object]] | None


class JobOptions(ScoreOptions, total=False):
    """The same, and what starts the job: the arrival of its last file (`auto`, the default), or `Mosaic.start`."""

    start: Literal["auto", "manual"]


class Mosaic:
    """A Mosaic service, reached at `url` with a tenant's API key.

    A context manager; safe to share between threads. `timeout` is how many seconds any single step of a request
    (to connect, to send or get the next bytes) may take. `on_retry` gets each failure after which a call is made again,
    from whichever thread makes it. `transport` and `clock` are for tests.

    Every call that fails in a way that may pass (no connection, 429, 5xx) is tried again, up to five times with
    growing pauses or as `Retry-After` says, and each is safe to repeat. Then it raises Unreachable, or the subclass
    of ApiError that the service's answer asks for. Raises SettingProblem where URL or key cannot be right.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = 30.0,
        on_retry: OnRetry = lambda _: None,
        transport: httpx.BaseTransport | None = None,
        clock: Clock = time,
    ) -> None:
        agent = f"mosaic-polqa/{version('mosaic-polqa')}"
        self._http = httpx.Client(transport=transport, timeout=timeout, headers={"user-agent": agent})
        self._patience = Patience(clock, on_retry)
        self._service = Service(url, api_key, self._http, self._patience)
        self._uploader = Uploader(self._http, self._patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def create(
        self,
        reference: FilePath,
        degraded: FilePath,
        *,
        idempotency_key: str | None = None,
        on_progress: OnProgress = ignore,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Create a job for two WAV files, declaring size and SHA-256 of both. Nothing is uploaded yet.

        The call carries `idempotency_key`, else a random one, so that repeating it cannot make a second job.
        Raises FileProblem before any request where a file is missing, empty, a directory or over 64 MiB.
        """
        recordings = _find(reference, degraded)
        body: dict[str, object] = {
            role.value: {"sha256": _hash(role, recording, on_progress), "bytes": recording.bytes}
            for role, recording in recordings.items()
        }
        body.update((name, value) for name, value in options.items() if value is not None)
        headers = {"Idempotency-Key": idempotency_key or secrets.token_urlsafe(24)}
        return Job.from_document(self._service.call(Request("POST", "/jobs", body, headers)).document)

    def upload(
        self,
        job: Job,
        *,
        reference: FilePath | None = None,
        degraded: FilePath | None = None,
        on_progress: OnProgress = ignore,
    ) -> None:
        """Upload a job's files, both at once. A file that the service has already is not sent again.

        Where a policy has expired, fresh ones are asked for once. Raises FileProblem, UploadRefused (S3 said no),
        or Conflict where the job awaits no upload any more.
        """
        recordings = _find(reference, degraded)
        policies = job.uploads
        if not policies and job.state is State.AWAITING_UPLOAD:
            policies = self._fresh_policies(job)
        expired = self._uploader.send(uploads_of(recordings, policies), on_progress)
        if not expired:
            return
        again = {role: recordings[role] for role in expired}
        refused = self._uploader.send(uploads_of(again, self._fresh_policies(job)), on_progress)
        for refusal in refused.values():
            raise refusal

    def start(self, job: Job | str) -> Job:
        """Start a job made with `start="manual"`. Twice is the same as once.

        Raises Conflict where a file is missing, Invalid where its audio is bad: then the job has failed.
        """
        return Job.from_document(self._service.call(Request("POST", f"{_path(job)}/start")).document)

    def get(self, job_id: str) -> Job:
        """The job as it is now. Raises NotFound."""
        return Job.from_document(self._service.call(Request("GET", _path(job_id))).document)

    def wait(self, job: Job | str, *, timeout: float = DEFAULT_TIMEOUT_SECONDS, on_poll: OnPoll | None = None) -> Job:
        """The job, once it has ended in whatever way; polls as often as the service asks to.

        `timeout` is in seconds; `math.inf` waits for ever. Raises WaitTimeout; the job then goes on by itself.
        """

        def poll() -> Polled:
            answer = self._service.call_once(Request("GET", _path(job)))
            pause = _DEFAULT_POLL_SECONDS if answer.retry_after is None else answer.retry_after
            return Polled(Job.from_document(answer.document), pause)

        waiting = Waiting(_id(job), poll, timeout, self._patience)
        return waiting.until_ended(on_poll or (lambda _: None))

    def score(
        self,
        reference: FilePath,
        degraded: FilePath,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        **options: Unpack[ScoreOptions],
    ) -> Result:
        """The score of a degraded recording against its reference: create, upload and wait in one.

        Raises JobFailed or JobEnded where the job ends without a result, and whatever the three calls raise.
        """
        job = self.create(reference, degraded, **options)
        self.upload(job, reference=reference, degraded=degraded)
        job = self.wait(job, timeout=timeout)
        if job.result:
            return job.result
        raise JobFailed(job) if job.state is State.FAILED else JobEnded(job)

    def _fresh_policies(self, job: Job) -> Mapping[Role, UploadPolicy]:
        answer = self._service.call(Request("POST", f"{_path(job)}/uploads"))
        return upload_policies(Document(answer.document))


def _find(reference: FilePath | None, degraded: FilePath | None) -> dict[Role, Recording]:
    paths = {Role.REFERENCE: reference, Role.DEGRADED: degraded}
    return {role: Recording.find(path) for role, path in paths.items() if path is not None}


def _hash(role: Role, recording: Recording, on_progress: OnProgress) -> str:
    return recording.sha256(lambda done: on_progress(Progress(Step.HASHING, role, done, recording.bytes)))


def _id(job: Job | str) -> str:
    return job.id if isinstance(job, Job) else job


def _path(job: Job | str) -> str:
    return f"/jobs/{quote(_id(job), safe='')}"
