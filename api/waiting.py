"""How long a job still takes: from its lane's depth, and the pool's live seats and mean seconds a job."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.remembered import Memory, remembered
from api.serving import find_pool
from shared.batches import BatchState
from shared.hosts import Hosts, HostState
from shared.pools import Lane
from shared.resources import lane_queue
from shared.states import State

if TYPE_CHECKING:
    from api.service import Service
    from shared.batch_counts import Counts
    from shared.batches import Batch
    from shared.job import Job

CACHE_SECONDS = 5.0
ASSUMED_SECONDS = 5.0  # a job, before any host has told of one

_cache: Memory[Load] = {}


@dataclass(frozen=True)
class Load:
    """What a lane has before it. Jobs waiting, seats that take new ones, mean seconds a job."""

    waiting: int
    seats: int
    mean_seconds: float

    @property
    def wait_seconds(self) -> float | None:
        """How long a job waits that comes last; None where no seat takes any."""
        return self.waiting / self.seats * self.mean_seconds if self.seats else None


def expected_wait(service: Service, job: Job) -> float:
    """Seconds that a message of the job waits in its lane, if it came last; where no seat takes any, as if one did."""
    load = lane_load(service, job.pool, job.lane)
    return load.waiting / max(load.seats, 1) * load.mean_seconds


def eta_seconds(service: Service, job: Job) -> float | None:
    """Seconds until the job has ended; None where that cannot be told: it has ended, or waits for its owner, for a host
    that works, or for its pool to be served again.
    """
    if job.state not in (State.QUEUED, State.RUNNING) or find_pool(service, job) is None:
        return None
    load = lane_load(service, job.pool, job.lane)
    if job.state is State.RUNNING:
        elapsed = time.time() - job.times[State.RUNNING]
        return round(max(load.mean_seconds - elapsed, 1.0), 1)
    return None if load.wait_seconds is None else round(load.wait_seconds + load.mean_seconds, 1)


def batch_eta_seconds(service: Service, batch: Batch, counts: Counts) -> float | None:
    """Seconds until what is started of a batch has ended, others' jobs before it included.

    None where nothing is, or where jobs wait in a lane that nobody works on.
    """
    started = counts.states[State.QUEUED] + counts.states[State.RUNNING]
    if batch.state is not BatchState.STARTED or not started:
        return None
    loads = [lane_load(service, pool.name, Lane.BULK) for pool in service.settings.pools]
    if any(load.waiting and not load.seats for load in loads):
        return None
    etas = [(max(load.waiting, started) / load.seats + 1) * load.mean_seconds for load in loads if load.seats]
    return round(max(etas), 1) if etas else None


def lane_load(service: Service, pool: str, lane: Lane) -> Load:
    """How a lane stands, as it was within the last seconds."""
    return remembered(_cache, lane_queue(pool, lane), CACHE_SECONDS, lambda: _load(service, pool, lane))


def _load(service: Service, pool: str, lane: Lane) -> Load:
    hosts = Hosts(service.table).alive(pool)
    attributes = service.sqs.get_queue_attributes(
        QueueUrl=service.settings.queue_urls[lane_queue(pool, lane)], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    means = [host.mean_seconds for host in hosts if host.mean_seconds]
    return Load(
        waiting=int(attributes["ApproximateNumberOfMessages"]),
        seats=sum(host.seats for host in hosts if host.state is HostState.READY),
        mean_seconds=sum(means) / len(means) if means else ASSUMED_SECONDS,
    )
