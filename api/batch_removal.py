"""The removal of what belonged to a batch that is gone: its jobs, page by page, whatever they are doing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from api.listing import Listing
from shared import logs
from shared.errors import AlreadyEnded, UnknownJob

if TYPE_CHECKING:
    from api.listing import Cursor
    from api.service import Service
    from shared.job import Job

PAGE = 1000  # jobs an errand: some 20 s with these threads
THREADS = 16

log = logs.get(__name__)


def remove_page(parts: Service, batch_id: str, after: Cursor | None) -> tuple[int, Cursor | None]:
    """Remove the jobs of one page: how many went, and where the next page begins, None after the last.

    What cannot be removed stands in no other's way: the reconciler comes to it at its own deadlines.
    """
    listing = Listing(parts.table, {"batch": batch_id}, {})
    if after:
        listing.go_on_after(after)
    job_ids = [str(item["pk"]).removeprefix("JOB#") for item in listing.page(PAGE)]
    with ThreadPoolExecutor(THREADS) as threads:
        removed = sum(threads.map(lambda job_id: _removed(parts, job_id), job_ids))
    log.info("batch_jobs_removed", batch=batch_id, jobs=removed)
    return removed, listing.last


def _removed(parts: Service, job_id: str) -> bool:
    """Whether it went by this call. One that has not ended is cancelled first, so that nobody works on it any more."""
    try:
        parts.jobs.delete(_ended(parts, job_id))
    except UnknownJob:
        return False
    except Exception:
        log.exception("job_not_removed", job_id=job_id)
        return False
    return True


def _ended(parts: Service, job_id: str) -> Job:
    job = parts.jobs.get(job_id)
    if job.ended:
        return job
    try:
        return parts.jobs.cancel(job)
    except AlreadyEnded as race:
        return race.job
