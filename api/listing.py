"""What the table's indexes list, a page at a time: the jobs of a tenant or of a batch, and a tenant's batches."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from api.problem_kinds import Kind
from api.problems import Problem
from shared import items
from shared.batches import LISTED_AS_BATCH, batch_key
from shared.job import JobId
from shared.job_table import JobTable, job_key

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import QueryInputTypeDef

MOST = 100  # a page
READ_AT_ONCE = 200  # items that a query looks at: a filter may let few of them through
QUERIES = 10  # a call; what is left then is behind the cursor, though the page be short

Item = dict[str, "JsonValue"]


class Things(Enum):
    """What is listed: the range of `listed_at` that the indexes have it in."""

    JOBS = "0", ":"  # which begins with the seconds of its creation
    BATCHES = LISTED_AS_BATCH, LISTED_AS_BATCH + ":"

    def key(self, thing_id: str) -> Item:
        """The key of the one of that id."""
        return job_key(thing_id) if self is Things.JOBS else batch_key(thing_id)

    def covers(self, listed_at: str) -> bool:
        """Whether one may be listed there."""
        first, last = self.value
        return first <= listed_at <= last


class Cursor(BaseModel):
    """Where the next page begins: behind this job or batch. It holds nothing that the caller was not told."""

    id: JobId
    listed_at: str = Field(min_length=1, max_length=60)

    @classmethod
    def read(cls, text: str, things: Things) -> Cursor:
        """A `cursor` of a list of such things. Raises a 422 Problem: DynamoDB starts nowhere outside of the list."""
        try:
            cursor = cls.model_validate_json(base64.b64decode(text, altchars=b"-_", validate=True))
        except (ValueError, ValidationError):
            raise _never_given() from None
        if not things.covers(cursor.listed_at):
            raise _never_given()
        return cursor

    def text(self) -> str:
        """As a client is given it."""
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()


def _never_given() -> Problem:
    detail = "This cursor was not given by this list. Begin without one."
    return Problem(Kind.INVALID_REQUEST, detail, errors=[{"pointer": "/query/cursor", "detail": detail}])


class Listing:
    """The things of one partition of an index that have these values, the newest first.

    `last` is where to go on, None after the last.
    """

    def __init__(
        self,
        table: JobTable,
        partition: dict[str, str],
        wanted: dict[str, str],
        *,
        things: Things = Things.JOBS,
        oldest_first: bool = False,
    ) -> None:
        self._table = table
        ((self._attribute, self._value),) = partition.items()
        self._wanted = wanted
        self._things = things
        self._at_once = READ_AT_ONCE
        self._oldest_first = oldest_first
        self.last: Cursor | None = None

    def go_on_after(self, cursor: Cursor) -> None:
        """Begin behind that one."""
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
        values[":first_listed"], values[":last_listed"] = self._things.value
        filtered = " AND ".join(f"#{name} = :{name}" for name in self._wanted)
        asked: QueryInputTypeDef = {
            "TableName": self._table.name,
            "IndexName": f"by_{self._attribute}",
            "KeyConditionExpression": "#partition = :partition AND listed_at BETWEEN :first_listed AND :last_listed",
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
        return {**self._things.key(cursor.id), self._attribute: self._value, "listed_at": cursor.listed_at}


def _cursor(item: Item) -> Cursor:
    return Cursor(id=str(item["pk"]).partition("#")[2], listed_at=str(item["listed_at"]))
