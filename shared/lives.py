"""How long things live, in seconds. All counted from a job's end, but for the deadlines before it."""

import math
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json

from shared.job import ErrorCategory, JobError

HOUR = 60 * 60
DAY = 24 * HOUR

UPLOAD_SECONDS = 24 * HOUR  # from creation: no upload until then, and the job is `expired`
MOST_UPLOAD_SECONDS = 2 * UPLOAD_SECONDS  # where a quota is used up: so that it sees the next day
RUN_SECONDS = 9 * DAY  # from `queued`: no end until then, and the job is `failed`; under the queues' 10 days
LONGEST_BATCH_SECONDS = MOST_UPLOAD_SECONDS + RUN_SECONDS  # from its start to the end of its last job

# An object may lie there for that long before its batch has ended. Lives are bounded so that the bucket's own lifecycle
# (`shared.resources.BUCKET`), which counts from when it was written, takes nothing that is to live.
MOST_AUDIO_SECONDS = 18 * DAY
MOST_RESULTS_SECONDS = 75 * DAY


class Lives(BaseModel):
    """What is kept from a job's end on, and for how long; audio of a batch's jobs from the batch's end on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    audio: int = Field(HOUR, ge=60, le=MOST_AUDIO_SECONDS)
    job: int = Field(7 * DAY, ge=HOUR, le=MOST_RESULTS_SECONDS, description="Job and result.")
    batch: int = Field(
        30 * DAY, ge=HOUR, le=MOST_RESULTS_SECONDS, description="A batch, its jobs and its results, from its end on."
    )
    replayable_audio: int = Field(
        14 * DAY, ge=60, le=MOST_AUDIO_SECONDS, description="Of a job that failed for the service's reasons."
    )

    def audio_until(self, ended_at: float, error: JobError | None) -> float:
        """When a job's audio is to go, at the earliest."""
        replayable = error is not None and error.category is ErrorCategory.SERVICE
        return ended_at + (self.replayable_audio if replayable else self.audio)

    def expires_at(self, ended_at: float, error: JobError | None, *, in_batch: bool) -> int:
        """The TTL attribute of a job that ended then, in whole seconds since the epoch: never before its audio goes.

        A batch's job goes with its batch, whose end nobody knows yet: this is the latest that it may be.
        """
        own = ended_at + (LONGEST_BATCH_SECONDS + self.batch if in_batch else self.job)
        return math.ceil(max(own, self.audio_until(ended_at, error)))


LIVES = Lives()
STRICT = Lives(audio=HOUR, job=HOUR, batch=HOUR, replayable_audio=HOUR)


def _by_name(told: object) -> object:
    return STRICT.model_dump_json() if told == "strict" else told


# A setting: JSON of Lives, what it leaves out being by default; or the word `strict`, which keeps nothing over an hour.
LivesSetting = Annotated[Json[Lives], BeforeValidator(_by_name)]
