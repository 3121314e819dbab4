"""What a stored reference scores against itself: by a job like any other, one at a time, which needs no upload."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from api import starting
from api.tenants import tenant_named
from shared import logs, quotas
from shared.errors import UnknownJob
from shared.job import AudioFile, Job, Start, new_job_id
from shared.lives import UPLOAD_SECONDS
from shared.object_keys import parse_reference_key
from shared.once import Once
from shared.references import Reference, SelfScore
from shared.states import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.service import Service
    from shared.pools import Mode, Pool
    from shared.quotas import Spending

log = logs.get(__name__)


def ask_for(parts: Service, reference: Reference) -> None:
    """Have it scored against itself, unless that is under way or done; not where no mode takes it in both roles.

    Raises QuotaExceeded.
    """
    scale = _scale(parts, reference)
    if scale is None:
        log.warning("reference_is_for_no_mode_degraded_too", tenant=reference.tenant, sha256=reference.sha256)
        return
    pool, mode = scale
    now = time.time()
    file = AudioFile(key=reference.key, sha256=reference.sha256, bytes=reference.bytes)
    job = Job(
        id=new_job_id(),
        tenant=reference.tenant,
        times={State.AWAITING_UPLOAD: now},
        pool=pool.name,
        engine=pool.engine,
        mode=mode.name,
        reference=file,
        degraded=file,
        start=Start.MANUAL,
        label=reference.label,
        upload_deadline=now + UPLOAD_SECONDS,
    )
    limits = tenant_named(reference.tenant, parts.table).limits
    once = Once.by_self_score(reference.tenant, reference.sha256, reference.created)
    spendings = quotas.of_new_jobs(parts.table, reference.tenant, limits, now)
    starting.start(parts, _made(parts, job, once, spendings))


def note(parts: Service, job: Job) -> None:
    """A job has ended: what a reference scored in it against itself is noted. Of any other job, nothing."""
    name = parse_reference_key(job.degraded.key)
    if name is None or job.result is None:
        return
    engine = job.result.engine
    score = SelfScore(mos_lqo=job.result.mos_lqo, mode=job.result.mode, engine=engine.name, version=engine.version)
    parts.references.note_self_score(name, score)


def _made(parts: Service, job: Job, once: Once, spendings: Sequence[Spending]) -> Job:
    """The job that does it: the one that was made for it, or this one where that ended without a score or is gone."""
    try:
        made = parts.jobs.create(job, once, spendings)
    except UnknownJob as gone:
        unscored = str(gone)
    else:
        if made.error is None:
            return made
        unscored = made.id
    return parts.jobs.create(job, replace(once, instead_of=unscored), spendings)


def _scale(parts: Service, reference: Reference) -> tuple[Pool, Mode] | None:
    """The first engine's default mode where that will do, or the first mode that takes the file in both roles."""
    for pool in parts.settings.pools:
        for mode in (pool.mode(None), *pool.modes):
            rates = {*mode.reference_rates_hz} & {*mode.degraded_rates_hz}
            if reference.sample_rate_hz in rates and mode.min_seconds <= reference.seconds <= mode.max_seconds:
                return pool, mode
    return None
