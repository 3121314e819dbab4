"""What the worker is told by its environment."""

import os
import socket
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, Json, model_validator

from shared.pools import Lane, PoolName
from shared.resources import MALFORMED_QUEUE, lane_queue

POLL_SECONDS = 20  # the longest long poll: SQS Developer Guide, "Amazon SQS short and long polling"


class WorkerSettings(BaseModel):
    """`MOSAIC_*` of the worker. Times in seconds."""

    model_config = ConfigDict(frozen=True)

    table: str
    bucket: str
    queue_urls: Json[dict[str, str]]
    pool: PoolName
    engine: str
    host: str = Field(default_factory=socket.gethostname, min_length=1)
    seats: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=64)
    prefetch: int = Field(default_factory=lambda told: told["seats"], ge=0, le=64)
    work_directory: Path
    state_directory: Path = Field(description="Survives restarts: the engine's compiled code, the pause.")
    poll_seconds: int = Field(POLL_SECONDS, ge=1, le=POLL_SECONDS)
    drain_seconds: float = Field(120, ge=0)
    hold_seconds: float = Field(30, gt=0, description="How long a mode whose licence is lost is first held.")

    @model_validator(mode="after")
    def _queues_are_there(self) -> Self:
        wanted = {MALFORMED_QUEUE, *(lane_queue(self.pool, lane) for lane in Lane)}
        if missing := sorted(wanted - set(self.queue_urls)):
            raise ValueError(f"MOSAIC_QUEUE_URLS has no {', '.join(missing)}")
        return self
