"""The batch starter: works off a batch page by page, once it is started, and writes its results once it has ended.

What belonged to one that is gone it removes, likewise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from api import batch_removal, batch_results, janitor, starting
from api.batch_results import INDEX_SECONDS, IndexBehind
from api.errands import Errand, send, send_errand, take_up
from api.listing import Listing
from api.messages import Failures, Message, work_off
from api.service import Service, service
from shared import batch_counts, logs
from shared.batches import CHECK_SECONDS, SWEEP_SECONDS, Batch, BatchState, UnknownBatch
from shared.errors import UnknownJob
from shared.resources import BATCHES_QUEUE
from shared.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable

logs.configure("batch-starter")
log = logs.get(__name__)

PAGE = 1000  # jobs a message: some 20 s with these threads
THREADS = 16
RETRY_SECONDS = 60  # until a job that could not be started is looked at again
LAG_SECONDS = 10  # until what the index did not show yet is looked for again


def handler(event: Mapping[str, Sequence[Message]], context: object) -> Failures:
    """Work off a batch of messages; each fails alone."""
    return work_off(event, service, BATCHES_QUEUE, _run)


def _run(body: str) -> None:
    with suppress(UnknownBatch):
        run(service(), Errand.model_validate_json(body))


def run(parts: Service, errand: Errand) -> None:
    """One page of a started batch; at the last one, its end where every job has ended. Raises UnknownBatch.

    While page follows page, the reconciler has no need to begin anew.
    """
    if errand.remove and parts.batches.is_gone(errand.batch):
        _remove_page(parts, errand)
        return
    batch = parts.batches.get(errand.batch)
    if batch.state is BatchState.STARTED:
        parts.batches.check_in(batch, CHECK_SECONDS)
        _start_page(parts, batch, errand)
    elif batch.state is BatchState.ENDED and not batch.results:
        try:
            batch_results.write(parts, batch)
        except IndexBehind as behind:
            log.info("index_behind", batch=batch.id, seen=str(behind))
            send(parts, batch, delay_seconds=LAG_SECONDS)


def _remove_page(parts: Service, errand: Errand) -> None:
    """One page, and after the last one all again, until no job is found: the index may not have shown one."""
    removed, last = batch_removal.remove_page(parts, errand.batch, errand.after)
    errand = errand.model_copy(update={"after": last, "seen": errand.seen + removed})
    if errand.after:
        send_errand(parts, errand)
    elif errand.seen:
        send_errand(parts, errand.model_copy(update={"seen": 0}), LAG_SECONDS)
    else:
        janitor.clear_batch(parts, errand.batch)  # of results that were being written as it went


def end_if_all_ended(parts: Service, batch: Batch) -> None:
    """End a started batch whose jobs have all ended, and have its results written."""
    if batch.state is BatchState.STARTED and batch_counts.read(parts.table, batch.id).ended >= batch.items:
        take_up(parts, parts.batches.end(batch))


def _start_page(parts: Service, batch: Batch, errand: Errand) -> None:
    listing = Listing(parts.table, {"batch": batch.id}, {})
    if errand.after:
        listing.go_on_after(errand.after)
    page = listing.page(PAGE)
    _start_all(parts, (str(item["pk"]).removeprefix("JOB#") for item in page if item["state"] == State.AWAITING_UPLOAD))
    seen = errand.seen + len(page)
    if listing.last:
        send(parts, batch, listing.last, seen)
    elif _index_behind(parts, batch, seen):
        log.info("index_behind", batch=batch.id, seen=seen, items=batch.items)
        send(parts, batch, delay_seconds=LAG_SECONDS)
    else:
        parts.batches.check_in(batch, SWEEP_SECONDS)
        end_if_all_ended(parts, batch)


def _index_behind(parts: Service, batch: Batch, seen: int) -> bool:
    """Whether there are jobs that the index does not show yet."""
    if time.time() >= batch.times[BatchState.STARTED] + INDEX_SECONDS:
        return False
    return seen < batch.items - batch_counts.read(parts.table, batch.id).deleted


def _start_all(parts: Service, job_ids: Iterable[str]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda job_id: _start(parts, job_id), job_ids))


def _start(parts: Service, job_id: str) -> None:
    """Start one job where its files are there. Where one is missing, it starts as that one comes.

    One that fails stands in no other's way: the reconciler looks at it soon.
    """
    with suppress(UnknownJob):
        job = parts.jobs.get(job_id)
        try:
            starting.start_by_itself(parts, job)
        except Exception:
            with logs.about(job):
                log.exception("job_not_started")
            parts.jobs.check_in(job, RETRY_SECONDS)
