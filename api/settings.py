"""What the functions are told by their environment."""

from pydantic import BaseModel, ConfigDict, Json

from shared.pools import Pool


class ApiSettings(BaseModel):
    """`MOSAIC_*` of the functions. The first pool is the default engine's."""

    model_config = ConfigDict(frozen=True)

    table: str
    bucket: str
    queue_urls: Json[dict[str, str]]
    pools: Json[list[Pool]]
