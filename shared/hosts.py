"""The hosts of a pool, each as its own item, so that the API knows what seats there are."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from shared import items, logs

if TYPE_CHECKING:
    from pydantic import JsonValue

    from shared.job_table import JobTable
    from shared.jobs import Clock

log = logs.get(__name__)

TELL_SECONDS = 15.0
ALIVE_SECONDS = 60.0  # a host that was not heard of for so long has no seats
FORGET_SECONDS = 24 * 60 * 60


class HostState(StrEnum):
    """What a host does with its seats."""

    STARTING = "starting"  # its seats are warming
    READY = "ready"  # it works
    PAUSED = "paused"  # somebody told it to receive nothing
    LICENCE_LOST = "licence_lost"  # the licence of every mode is lost: it tries again by itself
    DISK_FULL = "disk_full"  # too little is free to work with: it works again once there is room
    MISCONFIGURED = "misconfigured"  # its engine cannot work as it is set up: its log says what to mend
    DRAINING = "draining"  # it ends what runs and takes nothing new


class Host(BaseModel):
    """A licensed machine as it tells of itself. `mean_seconds` is the engine's time a job, None before the first.

    `paused_until` is in seconds since the epoch, None where it is not paused, or until somebody resumes it.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    pool: str
    engine: str
    version: str
    seats: int
    busy: int
    mean_seconds: float | None
    state: HostState
    paused_until: float | None = None
    seen_at: float


class Hosts:
    """The host items, one partition a pool, so that one query finds them."""

    def __init__(self, table: JobTable, clock: Clock = time.time) -> None:
        self._table = table
        self._clock = clock

    def tell(self, host: Host) -> None:
        """Write how a host is. It forgets itself a day after it was last heard of."""
        item: dict[str, JsonValue] = {
            "pk": _partition(host.pool),
            "sk": f"HOST#{host.host}",
            "expires_at": int(host.seen_at + FORGET_SECONDS),
            **host.model_dump(mode="json"),
        }
        self._table.client.put_item(TableName=self._table.name, Item=items.pack(item))

    def known(self, pool: str) -> list[Host]:
        """The hosts of a pool that have not forgotten themselves."""
        response = self._table.client.query(
            TableName=self._table.name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.pack({":pk": _partition(pool)}),
        )
        return [host for item in response["Items"] if (host := _host(items.unpack(item)))]

    def alive(self, pool: str) -> list[Host]:
        """The hosts of a pool that were heard of within `ALIVE_SECONDS`."""
        return [host for host in self.known(pool) if host.seen_at > self._clock() - ALIVE_SECONDS]


def _host(item: dict[str, JsonValue]) -> Host | None:
    try:
        return Host.model_validate({"mean_seconds": None, **item})
    except ValidationError as error:  # of a newer release, perhaps: no reason to refuse anybody an answer
        log.warning("host_not_understood", host=item.get("sk"), errors=error.error_count())
        return None


def _partition(pool: str) -> str:
    return f"POOL#{pool}"
