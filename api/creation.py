"""Creates jobs, whoever asks for them: a call, an item of a batch, the one-call form."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from api.idempotency import CUSTOM_ID, KEY_HEADER, told_as_problems
from api.problem_kinds import Kind
from api.problems import Problem, quoted
from shared import quotas
from shared.errors import KeyReused
from shared.job import AudioFile, Job, Role, new_job_id
from shared.lives import UPLOAD_SECONDS
from shared.object_keys import ReferenceName, upload_key
from shared.pools import Lane, Pool
from shared.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from api.documents import NewJob
    from api.service import Service
    from api.tenants import Tenant
    from shared.once import Once
    from shared.quotas import Spending
    from shared.references import Reference


class NotServed(Problem):
    """No pool has the engine or the mode that a call asks for: 422."""

    def __init__(self, pointer: str, name: str | None, known: list[str]) -> None:
        detail = f"{quoted(name or '')} is not served here; there is {', '.join(known)}."
        super().__init__(Kind.INVALID_REQUEST, detail, errors=[{"pointer": pointer, "detail": detail}])


def create(
    service: Service,
    tenant: Tenant,
    job: Job,
    once: Once | None,
    more: Sequence[Spending] = (),
    *,
    key_pointer: str = KEY_HEADER,
) -> Job:
    """Store a new job, at the cost of its tenant's quotas; with a key used before, the job that it made then.

    Raises QuotaExceeded, and a 422 Problem where the key, said at `key_pointer`, came with another body or its job is
    gone.
    """
    spendings = [*more, *quotas.of_new_jobs(service.table, tenant.id, tenant.limits, time.time())]
    with told_as_problems(key_pointer):
        return service.jobs.create(job, once, spendings)


def create_together(
    service: Service, tenant: Tenant, new: Sequence[tuple[Job, Once]], more: Sequence[Spending]
) -> list[Job]:
    """Store new jobs of one batch in one write, at the cost of their tenant's quotas: all of them or none.

    Raises KeyReused or Cancelled where one of them stands in the way of all: `create_or_find` tells of each.
    """
    now = time.time()
    spendings = [*more, *quotas.of_new_jobs(service.table, tenant.id, tenant.limits, now, len(new))]
    return service.jobs.create_together(new, spendings)


def create_or_find(
    service: Service,
    tenant: Tenant,
    new: Callable[[], Job],
    once: Once | None,
    more: Sequence[Spending] = (),
    *,
    key_pointer: str = KEY_HEADER,
) -> tuple[Job, bool]:
    """Store a `new` job as `create` does: the job, and whether this call made it.

    A repeat asks for nothing: it gets its job, though its engine or mode be served no more.
    """
    try:
        job = new()
    except NotServed:
        if made := made_before(service, once, key_pointer=key_pointer):
            return made, False
        raise
    made = create(service, tenant, job, once, more, key_pointer=key_pointer)
    return made, made.id == job.id


def made_before(service: Service, once: Once | None, *, key_pointer: str = KEY_HEADER) -> Job | None:
    """The job that a call with this key made before; None where it was not used. Raises the 422 of `create`."""
    with told_as_problems(key_pointer):
        return service.jobs.made_by(once) if once else None


def rehearse(service: Service, new: Callable[[], Job], once: Once, met: dict[str, str]) -> None:
    """Whether a `new` job with this custom_id would be created, after those `met` in the same call: hashes by key.

    Raises what `create_or_find` would.
    """
    if made_before(service, once, key_pointer=CUSTOM_ID) is None:
        new()
    with told_as_problems(CUSTOM_ID):
        if met.setdefault(once.partition, once.body_hash) != once.body_hash:
            raise KeyReused(once.partition)


def with_stored_reference(job: Job, stored: Callable[[ReferenceName], Reference | None]) -> Job:
    """The job with its tenant's stored reference, where it declares the hash of one: `stored` finds it.

    `References.use` does, and moves its life, so that no job names one whose life is just over.
    """
    declared = job.reference.sha256
    found = stored(ReferenceName(job.tenant, declared)) if declared else None
    if found is None:
        return job
    reference = job.reference.model_copy(update={"key": found.key, "bytes": found.bytes})
    return job.model_copy(update={"reference": reference})


def new_job(service: Service, tenant: Tenant, body: NewJob, said_in: str = "") -> Job:
    """A job as a body asks for it. Raises NotServed.

    `said_in` is the JSON pointer of what the client said it in, where that was not the body.
    """
    job_id, now = new_job_id(), time.time()
    pool = _pool(service, body.engine, said_in)
    return Job(
        id=job_id,
        tenant=tenant.id,
        times={State.AWAITING_UPLOAD: now},
        pool=pool.name,
        engine=pool.engine,
        mode=_mode(pool, body.mode, said_in),
        lane=Lane.INTERACTIVE,
        reference=_file(job_id, Role.REFERENCE, body),
        degraded=_file(job_id, Role.DEGRADED, body),
        start=body.start,
        label=body.label,
        metadata=body.metadata,
        upload_deadline=now + UPLOAD_SECONDS,
    )


def _file(job_id: str, role: Role, body: NewJob) -> AudioFile:
    declared = body.reference if role is Role.REFERENCE else body.degraded
    prepare = body.prepare.reference if role is Role.REFERENCE else body.prepare.degraded
    return AudioFile(key=upload_key(job_id, role), sha256=declared.sha256, bytes=declared.bytes, prepare=prepare)


def _pool(service: Service, engine: str | None, said_in: str) -> Pool:
    pools = service.settings.pools
    for pool in pools:
        if engine in (None, pool.engine):
            return pool
    raise NotServed(f"{said_in}/engine", engine, [pool.engine for pool in pools])


def _mode(pool: Pool, name: str | None, said_in: str) -> str:
    try:
        return pool.mode(name).name
    except KeyError:
        raise NotServed(f"{said_in}/mode", name, [mode.name for mode in pool.modes]) from None
