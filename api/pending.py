"""What is listed in the sparse index `pending`: all that the reconciler may have to look at, by when it is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from shared import items, logs
from shared.pools import Lane
from shared.resources import lane_queue
from shared.states import State

if TYPE_CHECKING:
    from api.service import Service

log = logs.get(__name__)

FOR_EVER = 10**12  # seconds since the epoch: later than anything is due


class Listed(BaseModel):
    """A job or a batch as the index has it, which may be behind."""

    pk: str
    check_at: float
    state: str
    pool: str = ""
    lane: Lane = Lane.BULK
    sends: int = 0

    @property
    def due(self) -> bool:
        """Whether it is to be looked at by now."""
        return self.check_at <= time.time()

    @property
    def waits_in(self) -> str | None:
        """The lane that a queued job waits in; None for all else."""
        return lane_queue(self.pool, self.lane) if self.state == State.QUEUED else None


def listed(service: Service, partition: str, *, due_only: bool) -> Iterator[Listed]:
    """What a partition lists, the longest due first. What is of no form that this version knows is passed over."""
    until = time.time() if due_only else FOR_EVER
    pages = service.dynamodb.get_paginator("query").paginate(
        TableName=service.table.name,
        IndexName="pending",
        KeyConditionExpression="pending = :partition AND check_at <= :until",
        ExpressionAttributeValues=items.pack({":partition": partition, ":until": until}),
    )
    for page in pages:
        for item in page["Items"]:
            try:
                yield Listed.model_validate(items.unpack(item))
            except ValidationError as error:
                log.error("item_not_understood", key=item["pk"].get("S"), errors=error.error_count())  # noqa: TRY400 - it quotes
