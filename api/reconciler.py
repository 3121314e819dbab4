"""The reconciler: each minute, looks at what is due and helps it on. Whatever it does is harmless when done again.

It finds what is due in the sparse index `pending`: messages that were lost, deadlines that have passed, workers that
were lost for good, batches left half started, audio whose life is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from api import batch_starter, janitor, lanes, starting
from api.enqueue import enqueue
from api.service import Service, service
from api.starting import MissingUploads
from api.stored_file import ChangedMeanwhile
from shared import items, logs
from shared.batches import CHECK_SECONDS, BatchState, UnknownBatch, batch_of
from shared.claims import GRACE_SECONDS
from shared.errors import LostRace, UnknownJob
from shared.job import Job, Start
from shared.lives import HOUR
from shared.quotas import QuotaExceeded
from shared.resources import PENDING_SHARDS
from shared.states import State

if TYPE_CHECKING:
    pass

logs.configure("reconciler")
log = logs.get(__name__)

THREADS = 16
BUDGET_SECONDS = 45.0  # the next one comes a minute after this one


def handler(event: object, context: object) -> dict[str, int]:
    """Work off what is due now, as much of it as the time allows; how many were looked at."""
    parts, until = service(), time.monotonic() + BUDGET_SECONDS
    lanes.resend_lost(parts)
    with ThreadPoolExecutor(THREADS) as threads:
        looked_at = sum(threads.map(lambda partition: _work_off(parts, partition, until), _partitions()))
    log.info("reconciled", looked_at=looked_at)
    return {"looked_at": looked_at}


def _partitions() -> list[str]:
    return [f"{kind}#{shard:02d}" for kind in "PE" for shard in range(PENDING_SHARDS)]


def _work_off(parts: Service, partition: str, until: float) -> int:
    count = 0
    for key in due(parts, partition):
        if time.monotonic() > until:
            log.warning("more_is_due", partition=partition)
            break
        count += 1
        try:
            look_at(parts, key)
        except Exception:
            log.exception("not_reconciled", key=key)
    return count


def due(parts: Service, partition: str) -> Iterator[str]:
    """The keys (`pk`) of what is due in a partition of the index, the longest due first."""
    pages = parts.dynamodb.get_paginator("query").paginate(
        TableName=parts.table.name,
        IndexName="pending",
        KeyConditionExpression="pending = :partition AND check_at <= :now",
        ExpressionAttributeValues=items.pack({":partition": partition, ":now": time.time()}),
    )
    for page in pages:
        for item in page["Items"]:
            yield str(items.unpack(item)["pk"])


def look_at(parts: Service, key: str) -> None:
    """Help one job or batch on. Whoever else writes it meanwhile wins."""
    if batch := batch_of(key):
        _look_at_batch(parts, batch)
        return
    try:
        _look_at_job(parts, parts.jobs.get(key.removeprefix("JOB#")))
    except (UnknownJob, LostRace):
        return


def _look_at_batch(parts: Service, batch_id: str) -> None:
    try:
        batch = parts.batches.get(batch_id)
    except UnknownBatch:
        return
    parts.batches.check_in(batch, CHECK_SECONDS)
    if batch.state is not BatchState.OPEN and not batch.results:
        batch_starter.send(parts, batch)


def _look_at_job(parts: Service, job: Job) -> None:
    if job.check_at is None or job.check_at > time.time():
        return  # the index was behind
    with logs.about(job):
        match job.state:
            case State.AWAITING_UPLOAD:
                _awaiting(parts, job)
            case State.QUEUED:
                _queued(parts, job)
            case State.RUNNING:
                _running(parts, job)
            case _:
                _ended(parts, job)


def _awaiting(parts: Service, job: Job) -> None:
    if time.time() < job.upload_deadline:
        _start(parts, job)
        return
    parts.jobs.expire(job)
    log.info("job_expired")


def _start(parts: Service, job: Job) -> None:
    """Try a start that was put off for a quota."""
    parts.jobs.check_in(job, job.upload_deadline - time.time())
    if job.start is Start.MANUAL or (job.batch and parts.batches.get(job.batch).state is BatchState.OPEN):
        return
    try:
        starting.start(parts, job)
    except (MissingUploads, ChangedMeanwhile):
        return
    except QuotaExceeded as exceeded:
        starting.put_off(parts, job, exceeded)


def _queued(parts: Service, job: Job) -> None:
    if _too_late(job):
        parts.jobs.overdue(job)
        log.error("job_overdue")
        return
    log.warning("message_resent", sends=job.sends)
    enqueue(parts, job)


def _running(parts: Service, job: Job) -> None:
    """A live claim is left alone. Over a dead one, a worker needs a message to claim again."""
    if job.claim_until is not None and job.claim_until + GRACE_SECONDS > time.time():
        parts.jobs.check_in(job, CHECK_SECONDS)
    elif _too_late(job):
        parts.jobs.overdue(job)
        log.error("job_overdue")
    else:
        log.warning("claim_dead_message_resent")
        enqueue(parts, job)


def _too_late(job: Job) -> bool:
    return job.run_deadline is not None and job.run_deadline <= time.time()


def _ended(parts: Service, job: Job) -> None:
    """Its audio goes; of a batch's job, an hour after its batch has ended."""
    rest = _batch_rest(parts, job)
    if rest > 0:
        parts.jobs.check_in(job, rest)
        return
    janitor.clear_audio(parts, job.id)
    parts.jobs.settled(job)


def _batch_rest(parts: Service, job: Job) -> float:
    """Seconds that a job's audio is still kept for its batch's sake."""
    if job.batch is None:
        return 0
    try:
        batch = parts.batches.get(job.batch)
    except UnknownBatch:
        return 0
    if batch.state is not BatchState.ENDED:
        return HOUR
    return batch.times[BatchState.ENDED] + parts.settings.lives.audio - time.time()
