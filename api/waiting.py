"""How long a job still takes: from its lane's depth, and the pool's live seats and mean seconds a job."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.hosts import Hosts, HostState
from shared.resources import lane_queue
from shared.states import State

if TYPE_CHECKING:
    from api.service import Service
    from shared.job import Job

CACHE_SECONDS = 5.0
ASSUMED_SECONDS = 5.0  # a job, before any host has told of one

_cache: dict[str, tuple[Load, float]] = {}


@dataclass(frozen=True)
class Load:
    """What a lane has before it. Jobs waiting, seats that take new ones, mean seconds a job."""

    waiting: int
    seats: int
    mean_seconds: float


def eta_seconds(service: Service, job: Job) -> float | None:
    """Seconds until the job has ended, as far as can be told; None where it waits for its owner, or has ended."""
    if job.state is State.QUEUED:
        load = _load(service, job)
        return round((load.waiting / load.seats + 1) * load.mean_seconds, 1)
    if job.state is State.RUNNING:
        elapsed = time.time() - job.times[State.RUNNING]
        return round(max(_load(service, job).mean_seconds - elapsed, 1.0), 1)
    return None


def _load(service: Service, job: Job) -> Load:
    name = lane_queue(job.pool, job.lane)
    known = _cache.get(name)
    if known and known[1] > time.monotonic():
        return known[0]
    hosts = Hosts(service.table).alive(job.pool)
    attributes = service.sqs.get_queue_attributes(
        QueueUrl=service.settings.queue_urls[name], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    means = [host.mean_seconds for host in hosts if host.mean_seconds]
    load = Load(
        waiting=int(attributes["ApproximateNumberOfMessages"]),
        seats=max(1, sum(host.seats for host in hosts if host.state is HostState.READY)),
        mean_seconds=sum(means) / len(means) if means else ASSUMED_SECONDS,
    )
    _cache[name] = (load, time.monotonic() + CACHE_SECONDS)
    return load
