"""What the worker is told by its environment."""

import os
import socket
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, ValidationInfo, field_validator

from shared.lives import DAY, HOUR, LIVES, LivesSetting
from shared.pools import Lane, Pool, PoolName
from shared.resources import MALFORMED_QUEUE, lane_queue
from worker import engines
from worker.engines.engine import EngineError, FailureClass
from worker.metrics import NAMESPACE

POLL_SECONDS = 20  # the longest long poll: SQS Developer Guide, "Amazon SQS short and long polling"
SETTLE_SECONDS = 15  # after the last score of a drain: results are written, messages settled, seats ended

GIB = 1024**3


def _known(engine: str) -> str:
    """An engine that is there and set up. Its licence is a state, and no condition."""
    try:
        engines.load(engine).describe()
    except EngineError as error:
        if error.failure_class is FailureClass.CONFIG:
            raise ValueError(error.message) from None
    return engine


def _usable(directory: Path) -> Path:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{directory} cannot be made: {error.strerror}. Name another one") from None
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise ValueError(f"{directory} cannot be written to. Give it to the worker's user, or name another one")
    return directory


Name = Annotated[str, Field(min_length=1)]
EngineName = Annotated[str, AfterValidator(_known)]
UsableDirectory = Annotated[Path, AfterValidator(_usable)]


class WorkerSettings(BaseModel):
    """`MOSAIC_*` of the worker. Times in seconds. Its directories are made, and can be written to."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    table: Name
    bucket: Name
    pool: PoolName
    pools: Json[list[Pool]] = Field(description="As the functions have them: what clients are promised of each pool.")
    queue_urls: Json[dict[str, str]]
    engine: EngineName
    host: str = Field(default_factory=socket.gethostname, min_length=1)
    seats: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=64)
    prefetch: int = Field(default_factory=lambda told: told["seats"], ge=0, le=64)
    work_directory: UsableDirectory
    state_directory: UsableDirectory = Field(description="Survives restarts: the engine's compiled code, the pause.")
    cache_bytes: int = Field(2 * GIB, ge=0, description="References kept for jobs to come, at most; 0 keeps none.")
    disk_floor_bytes: int = Field(GIB, ge=0, description="With less free in the work directory, nothing is received.")
    poll_seconds: int = Field(POLL_SECONDS, ge=1, le=POLL_SECONDS)
    log_group: str | None = Field(
        None,
        pattern=r"^[.\-_/#A-Za-z0-9]{1,512}$",
        description="The CloudWatch log group that the log is shipped to; it must exist.",
    )
    metrics_namespace: str = Field(
        NAMESPACE,
        pattern=r"^[A-Za-z0-9.\-_/#:]{1,255}$",
        description="CloudWatch's, of the metrics; deployments in one account are told apart by it.",
    )
    drain_seconds: float = Field(120, ge=0, le=DAY)
    lives: LivesSetting = LIVES
    hold_seconds: float = Field(30, gt=0, le=HOUR, description="How long a mode whose licence is lost is first held.")

    @property
    def own_pool(self) -> Pool:
        """The one that it works for."""
        return next(pool for pool in self.pools if pool.name == self.pool)

    @property
    def stop_seconds(self) -> float:
        """How long a stop takes at most: the receive in flight, the drain, and what is then to be settled."""
        return self.poll_seconds + self.drain_seconds + SETTLE_SECONDS

    @field_validator("queue_urls")
    @classmethod
    def _has_its_queues(cls, urls: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        pool = info.data.get("pool")
        lanes = [lane_queue(pool, lane) for lane in Lane] if pool else []
        pools = sorted({name.removesuffix(f"-{lane}") for name in urls for lane in Lane if name.endswith(f"-{lane}")})
        if pools and not urls.keys() & set(lanes) and lanes:
            raise ValueError(f"has no queues of the pool {pool} that MOSAIC_POOL names, only of {', '.join(pools)}")
        if missing := [name for name in (*lanes, MALFORMED_QUEUE) if name not in urls]:
            raise ValueError(f"has no URL for {', '.join(missing)}")
        if odd := [name for name in (*lanes, MALFORMED_QUEUE) if not urls[name].startswith(("https://", "http://"))]:
            raise ValueError(f"has no URL, which begins with https://, but something else for {', '.join(odd)}")
        return urls

    @field_validator("pools")
    @classmethod
    def _has_its_pool(cls, pools: list[Pool], info: ValidationInfo) -> list[Pool]:
        own = info.data.get("pool")
        if own and own not in (names := [pool.name for pool in pools]):
            raise ValueError(f"has no pool {own}, which MOSAIC_POOL names, but {', '.join(names) or 'none'}")
        return pools
