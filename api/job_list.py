"""`GET /v1/jobs`: the caller's jobs, newest first, a page at a time."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field, ValidationError

from api.answers import answer
from api.documents import JobPage, job_summary
from api.outcomes import Success, outcomes
from api.problem_kinds import Kind
from api.problems import Problem
from api.service import Service, service
from api.tenants import caller
from shared import items
from shared.batches import UnknownBatch
from shared.job import ID_PATTERN, JobId
from shared.job_table import JobTable, job_key
from shared.states import State

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import QueryInputTypeDef

router = Router()

MOST = 100
READ_AT_ONCE = 200  # items that a query looks at: a filter may let few of them through
QUERIES = 10  # a call; what is left then is behind the cursor, though the page be short

Item = dict[str, "JsonValue"]


class Cursor(BaseModel):
    """Where the next page begins: behind this job. It holds nothing that the caller was not told."""

    id: JobId
    listed_at: str = Field(min_length=1, max_length=60)


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
    after = _read(cursor) if cursor is not None else None
    if batch and not _owns(parts, tenant, batch):
        return answer(HTTPStatus.OK, JobPage(jobs=[], next_cursor=None))
    wanted = {name: value for name, value in (("state", state), ("label", label)) if value is not None}
    listing = Listing(parts.table, {"batch": batch} if batch else {"tenant": tenant}, wanted)
    if after:
        listing.go_on_after(after)
    jobs = [job_summary(item) for item in listing.page(limit)]
    return answer(HTTPStatus.OK, JobPage(jobs=jobs, next_cursor=_text(listing.last) if listing.last else None))


def _owns(parts: Service, tenant: str, batch_id: str) -> bool:
    try:
        return parts.batches.get(batch_id).tenant == tenant
    except UnknownBatch:
        return False


class Listing:
    """The jobs of one partition of an index that have these values, the newest first.

    `last` is where to go on, None after the last.
    """

    def __init__(
        self, table: JobTable, partition: dict[str, str], wanted: dict[str, str], *, oldest_first: bool = False
    ) -> None:
        self._table = table
        ((self._attribute, self._value),) = partition.items()
        self._wanted = wanted
        self._at_once = READ_AT_ONCE
        self._oldest_first = oldest_first
        self.last: Cursor | None = None

    def go_on_after(self, cursor: Cursor) -> None:
        """Begin behind that job."""
        self.last = cursor

    def page(self, most: int) -> list[Item]:
        """The next items, so many at most; `last` is None once there are no more."""
        self._at_once = READ_AT_ONCE if self._wanted else min(most, READ_AT_ONCE)
        return list(islice(self, most))

    def __iter__(self) -> Iterator[Item]:
        for _ in range(QUERIES):
            found, end = self._query()
            for item in found:
                self.last = _cursor(item)
                yield item
            self.last = end
            if end is None:
                return

    def _query(self) -> tuple[list[Item], Cursor | None]:
        names = {"#partition": self._attribute, **{f"#{name}": name for name in self._wanted}}
        values = {":partition": self._value, **{f":{name}": value for name, value in self._wanted.items()}}
        filtered = " AND ".join(f"#{name} = :{name}" for name in self._wanted)
        asked: QueryInputTypeDef = {
            "TableName": self._table.name,
            "IndexName": f"by_{self._attribute}",
            "KeyConditionExpression": "#partition = :partition",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": items.pack(dict(values)),
            "ScanIndexForward": self._oldest_first,
            "Limit": self._at_once,
        }
        if filtered:
            asked["FilterExpression"] = filtered
        if self.last:
            asked["ExclusiveStartKey"] = items.pack(self._key(self.last))
        response = self._table.client.query(**asked)
        end = response.get("LastEvaluatedKey")
        return [items.unpack(item) for item in response["Items"]], _cursor(items.unpack(end)) if end else None

    def _key(self, cursor: Cursor) -> Item:
        return {**job_key(cursor.id), self._attribute: self._value, "listed_at": cursor.listed_at}


def _cursor(item: Item) -> Cursor:
    return Cursor(id=str(item["pk"]).removeprefix("JOB#"), listed_at=str(item["listed_at"]))


def _text(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode()


def _read(text: str) -> Cursor:
    try:
        return Cursor.model_validate_json(base64.b64decode(text, altchars=b"-_", validate=True))
    except (ValueError, ValidationError):
        detail = "This cursor was not given by this service. Begin without one."
        error = {"pointer": "/query/cursor", "detail": detail}
        raise Problem(Kind.INVALID_REQUEST, detail, errors=[error]) from None
