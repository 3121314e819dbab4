"""What the functions are told by their environment."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Json, ValidationInfo, field_validator

from shared.lives import LIVES, LivesSetting
from shared.pools import Pool
from shared.resources import BATCHES_QUEUE, pool_queues


class ApiSettings(BaseModel):
    """`MOSAIC_*` of the functions. The first pool is the default engine's; each has a URL for each of its queues."""

    model_config = ConfigDict(frozen=True)

    table: str
    bucket: str
    pools: Json[Annotated[list[Pool], Field(min_length=1)]]
    queue_urls: Json[dict[str, str]]
    lives: LivesSetting = LIVES

    @field_validator("queue_urls")
    @classmethod
    def _every_queue_has_one(cls, urls: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        names = [queue.name for pool in info.data.get("pools", ()) for queue in pool_queues(pool.name)]
        names.append(BATCHES_QUEUE)
        missing = [name for name in names if name not in urls]
        if missing:
            raise ValueError(f"no URL for {', '.join(missing)}")
        return urls
