"""Whether the service still has what a job was created for: pools and their modes come and go with deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.problem_kinds import Kind
from api.problems import Problem

if TYPE_CHECKING:
    from api.service import Service
    from shared.job import Job
    from shared.pools import Pool


class PoolNotServed(Problem):
    """A job's pool is gone, or its mode: 409, and the job stays as it is until somebody brings it back."""

    def __init__(self, job: Job) -> None:
        super().__init__(
            Kind.POOL_NOT_SERVED,
            f"Mode {job.mode} of engine {job.engine} is not served here any more. Create a new job with one that is:"
            " GET /v1/service lists them.",
            extensions={"job": job.id, "pool": job.pool},
        )


def find_pool(service: Service, job: Job) -> Pool | None:
    """The job's pool, None where it is not served, or no more in the job's mode."""
    for pool in service.settings.pools:
        if pool.name == job.pool and job.mode in {mode.name for mode in pool.modes}:
            return pool
    return None


def pool_of(service: Service, job: Job) -> Pool:
    """The job's pool. Raises PoolNotServed."""
    pool = find_pool(service, job)
    if pool is None:
        raise PoolNotServed(job)
    return pool
