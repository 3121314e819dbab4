"""What a start does, whoever asks for it, be it nobody: both files there, headers hold, `queued`, message sent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from api import uploads
from api.enqueue import enqueue
from api.serving import PoolNotServed, pool_of
from api.stored_file import ChangedMeanwhile, NotStored, StoredFile
from api.tenants import tenant_named
from shared import audio_rules, logs, quotas
from shared.audio_rules import BadAudio
from shared.batches import BatchState, UnknownBatch
from shared.errors import NotAwaitingUpload
from shared.job import ErrorCategory, Job, JobError, Role, Start
from shared.lives import HOUR
from shared.quotas import QuotaExceeded
from shared.states import State
from shared.wav import ReadRange, WavHeader

if TYPE_CHECKING:
    from api.service import Service
    from shared.quotas import Spending

RETRY_SECONDS = 5 * 60
REMOVED = JobError(
    category=ErrorCategory.BAD_INPUT,
    code="reference_removed",
    message="Its stored reference was deleted before the job started. Store it again, and create a new job.",
    file=Role.REFERENCE,
)

log = logs.get(__name__)


class MissingUploads(Exception):
    """Files of the job that are not there yet."""

    def __init__(self, roles: list[Role]) -> None:
        super().__init__(", ".join(roles))
        self.roles = roles


class ReferenceRemoved(Exception):
    """The stored reference that the job names is there no more."""


class File(Protocol):
    """A file as its header is read."""

    @property
    def bytes(self) -> int:
        """Its size."""

    @property
    def read(self) -> ReadRange:
        """Its bytes."""


def start(service: Service, job: Job) -> Job:
    """Start a job; one that has left `awaiting_upload` is returned as it is, so that twice is the same as once.

    Bad audio ends it, and so does a stored reference that was deleted: it comes back `failed`. Raises MissingUploads,
    QuotaExceeded, PoolNotServed, and ChangedMeanwhile where a file was replaced while it was checked: these leave it as
    it is; UnknownJob where it was deleted meanwhile.
    """
    if service.jobs.unsent(job):
        enqueue(service, job)
    if job.state is not State.AWAITING_UPLOAD:
        return job
    try:
        files = _stored_files(service, job)
        check(service, job, files)
    except BadAudio as bad:
        error = JobError(category=ErrorCategory.BAD_INPUT, code=bad.code, message=bad.message, file=bad.role)
        return _refuse(service, job, error)
    except ReferenceRemoved:
        return _refuse(service, job, REMOVED)
    return _queue(service, job, files)


def check(service: Service, job: Job, files: Mapping[Role, File]) -> None:
    """Whether the headers of a job's two files hold in its mode. Raises BadAudio, PoolNotServed."""
    mode, prepares = pool_of(service, job).mode(job.mode), {role: job.file(role).prepare for role in Role}
    headers: dict[Role, WavHeader] = {}
    beside_hz = None
    for role in (Role.REFERENCE, Role.DEGRADED):
        file, prepare = files[role], prepares[role]
        headers[role] = audio_rules.inspect(file.read, file.bytes, mode, role, prepare, beside_hz)
        beside_hz = audio_rules.prepared_rate(headers[role], prepare)
    reference, degraded = headers[Role.REFERENCE], headers[Role.DEGRADED]
    audio_rules.check_pair(reference, degraded, mode, prepares[Role.REFERENCE], prepares[Role.DEGRADED])


def start_by_itself(service: Service, job: Job) -> Job:
    """A start that nobody asked for: of a job that waits for nothing but its files. The job as it then is.

    One whose file is missing, or was replaced while it was checked, stays as it is: that file tells of itself. One that
    a quota refused is tried again once the quota begins anew, and one whose pool is not served, an hour later.
    """
    if job.state is State.AWAITING_UPLOAD and _waits_for_a_call(service, job):
        return job
    try:
        return start(service, job)
    except (MissingUploads, ChangedMeanwhile):
        return job
    except QuotaExceeded as exceeded:
        return _put_off(service, job, exceeded)
    except PoolNotServed:
        with logs.about(job):
            log.warning("pool_not_served", pool=job.pool)
        return service.jobs.check_in(job, HOUR)


def _waits_for_a_call(service: Service, job: Job) -> bool:
    """The call that starts it, or its batch. A file is stored before this is read, and the starter looks for files
    after the batch is started: so one of both sees the other.
    """
    return job.start is Start.MANUAL if job.batch is None else waits_for_its_batch(service, job)


def waits_for_its_batch(service: Service, job: Job) -> bool:
    """Whether a job belongs to a batch that is not started."""
    return job.batch is not None and is_open(service, job.batch)


def is_open(service: Service, batch_id: str) -> bool:
    """Whether a batch is not started; one that is gone never will be."""
    try:
        return service.batches.get(batch_id).state is BatchState.OPEN
    except UnknownBatch:
        return True


def _put_off(service: Service, job: Job, exceeded: QuotaExceeded) -> Job:
    with logs.about(job):
        log.warning("start_put_off", quota=exceeded.quota)
    return service.jobs.put_off(job, exceeded.quota, exceeded.resets_at or time.time() + RETRY_SECONDS)


def _queue(service: Service, job: Job, files: dict[Role, StoredFile]) -> Job:
    spendings = [] if job.replay_of or job.bytes_counted else _spendings(service, job, files)
    try:
        queued = service.jobs.queue(job, {role: file.etag for role, file in files.items()}, spendings)
    except NotAwaitingUpload as race:
        return race.job
    enqueue(service, queued)
    return queued


def _spendings(service: Service, job: Job, files: dict[Role, StoredFile]) -> list[Spending]:
    limits = tenant_named(job.tenant, service.table).limits
    bytes_ = sum(files[role].bytes for role in uploads.own(job))
    return quotas.of_upload(service.table, job.tenant, bytes_, limits, time.time())


def _refuse(service: Service, job: Job, error: JobError) -> Job:
    try:
        return service.jobs.refuse(job, error)
    except NotAwaitingUpload as race:
        return race.job


def _stored_files(service: Service, job: Job) -> dict[Role, StoredFile]:
    found: dict[Role, StoredFile] = {}
    for role in Role:
        try:
            found[role] = StoredFile(service.s3, service.settings.bucket, job.file(role).key)
        except NotStored:
            continue
    missing = [role for role in Role if role not in found]
    if set(missing) - set(uploads.own(job)):
        raise ReferenceRemoved(job.reference.key)
    if missing:
        raise MissingUploads(missing)
    return found
