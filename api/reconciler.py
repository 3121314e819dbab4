"""The reconciler: each minute, looks at what is due and helps it on. Whatever it does is harmless when done again.

It finds what is due in the sparse index `pending`: messages that were lost, uploads whose event was, deadlines that
have passed, workers that were lost for good, batches left half started, audio whose life is over.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from api import errands, janitor, pending, starting, waiting
from api.enqueue import enqueue
from api.lanes import Lanes
from api.service import Service, service
from api.serving import PoolNotServed, pool_of
from shared import logs
from shared.batches import BatchState, UnknownBatch, batch_of
from shared.claims import CLAIMED_CHECK_SECONDS, GRACE_SECONDS
from shared.errors import LostRace, UnknownJob
from shared.job_table import ended_partitions, pending_partitions
from shared.jobs import FIRST_CHECK_SECONDS, patience
from shared.lives import HOUR
from shared.resources import lane_queue
from shared.states import State

if TYPE_CHECKING:
    from api.pending import Listed
    from shared.batches import Batch
    from shared.job import Job

logs.configure("reconciler")
log = logs.get(__name__)

THREADS = 16
BUDGET_SECONDS = 45.0  # the next one comes a minute after this one
JUST_SENT_SECONDS = 60  # the counts of a queue follow within a minute: SQS API Reference, GetQueueAttributes
LAST_TRY_SECONDS = HOUR  # a job is expired at its deadline, and whatever may stand in the way so long after it


def handler(event: object, context: object) -> dict[str, int]:
    """Work off what is due now, as much of it as the time allows; how many were looked at."""
    parts, until = service(), time.monotonic() + BUDGET_SECONDS
    lanes = Lanes(parts)
    with ThreadPoolExecutor(THREADS) as threads:
        partitions = [*pending_partitions(), *ended_partitions()]
        looked_at = sum(threads.map(lambda partition: _work_off(parts, lanes, partition, until), partitions))
    log.info("reconciled", looked_at=looked_at)
    return {"looked_at": looked_at}


def _work_off(parts: Service, lanes: Lanes, partition: str, until: float) -> int:
    count = 0
    for listed in pending.listed(parts, partition, due_only=not lanes.any_lost):
        if time.monotonic() > until:
            log.warning("more_is_due", partition=partition)
            break
        if not _wanted(lanes, listed):
            continue
        count += 1
        try:
            look_at(parts, lanes, listed.pk)
        except Exception:
            log.exception("not_reconciled", key=listed.pk)
    return count


def _wanted(lanes: Lanes, listed: Listed) -> bool:
    """Whether to look at it. What would be sent again, and may not be now, stays due."""
    lane = listed.waits_in
    if lane and lanes.lost(lane):
        return True
    return listed.due and not (lane and listed.sends and lanes.spent(lane))


def look_at(parts: Service, lanes: Lanes, key: str) -> None:
    """Help one job or batch on. Whoever else writes it meanwhile wins."""
    try:
        if batch := batch_of(key):
            _look_at_batch(parts, parts.batches.get(batch))
        else:
            _look_at_job(parts, lanes, parts.jobs.get(key.removeprefix("JOB#")))
    except (UnknownBatch, UnknownJob, LostRace):
        return


def _look_at_batch(parts: Service, batch: Batch) -> None:
    if not batch.results:
        errands.take_up(parts, batch)


def _look_at_job(parts: Service, lanes: Lanes, job: Job) -> None:
    if not (_due(job) or _message_lost(lanes, job)):
        return  # the index was behind
    with logs.about(job):
        try:
            _help_on(parts, lanes, job)
        except PoolNotServed:
            log.warning("pool_not_served", pool=job.pool)
            parts.jobs.check_in(job, HOUR)


def _help_on(parts: Service, lanes: Lanes, job: Job) -> None:
    match job.state:
        case State.AWAITING_UPLOAD:
            _awaiting(parts, job)
        case State.QUEUED:
            _queued(parts, lanes, job)
        case State.RUNNING:
            _running(parts, lanes, job)
        case _:
            _ended(parts, job)


def _due(job: Job) -> bool:
    return job.check_at is not None and job.check_at <= time.time()


def _message_lost(lanes: Lanes, job: Job) -> bool:
    waits = job.state is State.QUEUED and lanes.lost(lane_queue(job.pool, job.lane))
    return waits and job.times[State.QUEUED] < time.time() - JUST_SENT_SECONDS


def _awaiting(parts: Service, job: Job) -> None:
    """It may have all that it waits for, and its upload's event was lost, or a quota is no longer used up."""
    late = time.time() - job.upload_deadline
    if late < LAST_TRY_SECONDS:
        job = starting.start_by_itself(parts, job)
    if job.state is not State.AWAITING_UPLOAD:
        return
    late = time.time() - job.upload_deadline  # which waits where a quota is used up
    if late >= 0:
        parts.jobs.expire(job)
        log.info("job_expired")
    elif _due(job):
        age = time.time() - job.times[State.AWAITING_UPLOAD]
        parts.jobs.check_in(job, min(max(age, FIRST_CHECK_SECONDS), -late))


def _queued(parts: Service, lanes: Lanes, job: Job) -> None:
    """Its message was never sent, or is overdue by what its lane expects now."""
    if _too_late(job):
        _overdue(parts, job)
        return
    lane = lane_queue(pool_of(parts, job).name, job.lane)
    if not job.sends or lanes.lost(lane):
        _send_again(parts, job)
    elif (rest := _patience(parts, job)) > 0:
        parts.jobs.check_in(job, rest)
    elif lanes.take(lane):
        _send_again(parts, job)


def _patience(parts: Service, job: Job) -> float:
    """Seconds that its message may still take, in a lane that is deeper by now than it was; never past its deadline."""
    due = job.times[State.QUEUED] + patience(waiting.expected_wait(parts, job))
    return min(due, job.run_deadline or due) - time.time()


def _running(parts: Service, lanes: Lanes, job: Job) -> None:
    """A live claim is left alone. Over a dead one, a worker needs a message to claim again."""
    if job.claim_until is not None and job.claim_until + GRACE_SECONDS > time.time():
        parts.jobs.check_in(job, CLAIMED_CHECK_SECONDS)
    elif _too_late(job):
        _overdue(parts, job)
    elif lanes.take(lane_queue(job.pool, job.lane)):
        _send_again(parts, job)


def _send_again(parts: Service, job: Job) -> None:
    enqueue(parts, job)
    log.warning("message_sent_again", state=job.state, sends=job.sends)


def _overdue(parts: Service, job: Job) -> None:
    parts.jobs.overdue(job)
    log.error("job_overdue")


def _too_late(job: Job) -> bool:
    return job.run_deadline is not None and job.run_deadline <= time.time()


def _ended(parts: Service, job: Job) -> None:
    """Its audio goes; that of a batch's job, an hour after its batch has ended. One whose batch is gone goes whole."""
    batch = _batch(parts, job)
    rest = _rest(parts, batch)
    if rest > 0:
        parts.jobs.check_in(job, rest)
        return
    janitor.clear_audio(parts, job.id)
    if job.batch and batch is None:
        parts.jobs.delete(job)
    else:
        parts.jobs.settled(job, _life(job, batch))


def _batch(parts: Service, job: Job) -> Batch | None:
    try:
        return parts.batches.get(job.batch) if job.batch else None
    except UnknownBatch:
        return None


def _rest(parts: Service, batch: Batch | None) -> float:
    """Seconds that a job's audio is still kept for its batch's sake."""
    life = parts.settings.lives.audio
    if batch is None or batch.state is BatchState.OPEN:
        return 0
    return life if batch.state is BatchState.STARTED else batch.times[BatchState.ENDED] + life - time.time()


def _life(job: Job, batch: Batch | None) -> int:
    """When the job itself goes: with its batch, once that has ended."""
    if batch and batch.state is BatchState.ENDED:
        return batch.expires_at
    return job.expires_at or int(time.time())
