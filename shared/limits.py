"""What a tenant may use: the quotas, and how much of each."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

GB = 10**9
MOST_BATCH_ITEMS = 50_000


class Quota(StrEnum):
    """What can be used up."""

    JOBS_PER_DAY = "jobs_per_day"
    BYTES_PER_DAY = "bytes_per_day"  # of uploads, counted as their job starts, or with the job that they come with
    IN_FLIGHT = "in_flight"  # jobs that have not ended
    BATCH_ITEMS = "batch_items"  # jobs of one batch


class Limits(BaseModel):
    """What a tenant may use: of each quota, so much."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    jobs_per_day: int = Field(100_000, ge=0)
    bytes_per_day: int = Field(600 * GB, ge=0)
    in_flight: int = Field(100_000, ge=0)
    batch_items: int = Field(MOST_BATCH_ITEMS, ge=0, le=MOST_BATCH_ITEMS)
