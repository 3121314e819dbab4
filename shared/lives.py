"""How long things live, in seconds. All counted from a job's end, but for the deadlines before it."""

import math

HOUR = 60 * 60
DAY = 24 * HOUR

UPLOAD_SECONDS = 24 * HOUR  # from creation: no upload until then, and the job is `expired`
RUN_SECONDS = 9 * DAY  # from `queued`: no end until then, and the job is `failed`; under the queues' 10 days
JOB_SECONDS = 7 * DAY  # job and result


def job_expires_at(ended_at: float) -> int:
    """The TTL attribute of a job that ended then, in whole seconds since the epoch."""
    return math.ceil(ended_at + JOB_SECONDS)
