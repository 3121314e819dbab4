"""`GET /v1/batches`: the caller's batches, newest first, a page at a time."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from api.answers import answer
from api.batch_documents import BatchPage, batch_summary
from api.listing import MOST, Cursor, Listing, Things
from api.outcomes import Success, outcomes
from api.service import service
from api.tenants import caller
from shared.batches import BatchState

router = Router()


@router.get("/v1/batches", responses=outcomes(Success(HTTPStatus.OK, "A page of batches.", BatchPage, ["batch_page"])))
def list_batches(
    state: Annotated[BatchState | None, Query(description="Only batches in this state.")] = None,
    label: Annotated[str | None, Query(max_length=200, description="Only batches of this very label.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Batches a page, at most.")] = 50,
    cursor: Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")] = None,
) -> Response[BatchPage]:
    """The caller's batches, newest first. A page may be short, or empty, and yet not the last: go by `next_cursor`."""
    parts = service()
    tenant = caller(router.current_event.raw_event, parts.table).id
    wanted = {name: value for name, value in (("state", state), ("label", label)) if value is not None}
    listing = Listing(parts.table, {"tenant": tenant}, wanted, things=Things.BATCHES)
    if cursor is not None:
        listing.go_on_after(Cursor.read(cursor, Things.BATCHES))
    batches = [batch_summary(item) for item in listing.page(limit)]
    return answer(HTTPStatus.OK, BatchPage(batches=batches, next_cursor=listing.last.text() if listing.last else None))
