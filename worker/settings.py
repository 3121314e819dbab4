"""What the worker is told by its environment."""

import os
import socket
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, Json, model_validator

from shared.lives import LIVES, LivesSetting
from shared.pools import Lane, Pool, PoolName
from shared.resources import MALFORMED_QUEUE, lane_queue

POLL_SECONDS = 20  # the longest long poll: SQS Developer Guide, "Amazon SQS short and long polling"
SETTLE_SECONDS = 15  # after the last score of a drain: results are written, messages settled, seats ended

GIB = 1024**3


class WorkerSettings(BaseModel):
    """`MOSAIC_*` of the worker. Times in seconds."""

    model_config = ConfigDict(frozen=True)

    table: str
    bucket: str
    queue_urls: Json[dict[str, str]]
    pool: PoolName
    pools: Json[list[Pool]] = Field(description="As the functions have them: what clients are promised of each pool.")
    engine: str
    host: str = Field(default_factory=socket.gethostname, min_length=1)
    seats: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=64)
    prefetch: int = Field(default_factory=lambda told: told["seats"], ge=0, le=64)
    work_directory: Path
    state_directory: Path = Field(description="Survives restarts: the engine's compiled code, the pause.")
    cache_bytes: int = Field(2 * GIB, ge=0, description="References kept for jobs to come, at most; 0 keeps none.")
    disk_floor_bytes: int = Field(GIB, ge=0, description="With less free in the work directory, nothing is received.")
    poll_seconds: int = Field(POLL_SECONDS, ge=1, le=POLL_SECONDS)
    log_group: str | None = Field(
        None,
        pattern=r"^[.\-_/#A-Za-z0-9]{1,512}$",
        description="The CloudWatch log group that the log is shipped to; it must exist.",
    )
    drain_seconds: float = Field(120, ge=0)
    lives: LivesSetting = LIVES
    hold_seconds: float = Field(30, gt=0, description="How long a mode whose licence is lost is first held.")

    @property
    def own_pool(self) -> Pool:
        """The one that it works for."""
        return next(pool for pool in self.pools if pool.name == self.pool)

    @property
    def stop_seconds(self) -> float:
        """How long a stop takes at most: the receive in flight, the drain, and what is then to be settled."""
        return self.poll_seconds + self.drain_seconds + SETTLE_SECONDS

    @model_validator(mode="after")
    def _pool_is_there(self) -> Self:
        wanted = {MALFORMED_QUEUE, *(lane_queue(self.pool, lane) for lane in Lane)}
        missing = {
            "MOSAIC_QUEUE_URLS": sorted(wanted - set(self.queue_urls)),
            "MOSAIC_POOLS": sorted({self.pool} - {pool.name for pool in self.pools}),
        }
        if lines := [f"{variable} has no {', '.join(names)}" for variable, names in missing.items() if names]:
            raise ValueError("; ".join(lines))
        return self
