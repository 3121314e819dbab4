"""`GET /v1/jobs`: the caller's jobs, newest first, a page at a time."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from api.answers import answer
from api.documents import JobPage, job_summary
from api.listing import MOST, Cursor, Listing, Things
from api.outcomes import Success, outcomes
from api.service import Service, service
from api.tenants import caller
from shared.batches import UnknownBatch
from shared.job import ID_PATTERN
from shared.states import State

router = Router()


@router.get("/v1/jobs", responses=outcomes(Success(HTTPStatus.OK, "A page of jobs.", JobPage, ["job_page"])))
def list_jobs(
    state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
    batch: Annotated[str | None, Query(pattern=ID_PATTERN, description="Only jobs of this batch.")] = None,
    label: Annotated[str | None, Query(max_length=200, description="Only jobs of this very label.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Jobs a page, at most.")] = 50,
    cursor: Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")] = None,
) -> Response[JobPage]:
    """The caller's jobs, newest first. A page may be short, or empty, and yet not the last: go by `next_cursor`."""
    parts = service()
    tenant = caller(router.current_event.raw_event, parts.table).id
    after = Cursor.read(cursor, Things.JOBS) if cursor is not None else None
    if batch and not _owns(parts, tenant, batch):
        return answer(HTTPStatus.OK, JobPage(jobs=[], next_cursor=None))
    wanted = {name: value for name, value in (("state", state), ("label", label)) if value is not None}
    listing = Listing(parts.table, {"batch": batch} if batch else {"tenant": tenant}, wanted)
    if after:
        listing.go_on_after(after)
    jobs = [job_summary(item) for item in listing.page(limit)]
    return answer(HTTPStatus.OK, JobPage(jobs=jobs, next_cursor=listing.last.text() if listing.last else None))


def _owns(parts: Service, tenant: str, batch_id: str) -> bool:
    try:
        return parts.batches.get(batch_id).tenant == tenant
    except UnknownBatch:
        return False
