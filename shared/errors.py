"""What can come of a write to the store, as types: each lost race has its own."""

from shared.job import Job


class StoreError(Exception):
    """A write that was refused; nothing was changed."""


class UnknownJob(StoreError):
    """No such job: it never was, or its life is over. As text, its id."""


class LostRace(StoreError):
    """Somebody else's write came first. `job` is the job as it is now."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} is {job.state}, attempt {job.attempt}")
        self.job = job


class NotAwaitingUpload(LostRace):
    """The job has left `awaiting_upload`: somebody started or ended it."""


class AlreadyEnded(LostRace):
    """The job has reached an end; nothing changes it any more."""


class NotClaimable(LostRace):
    """The job waits for its upload, or another's claim on it is live."""


class Overtaken(LostRace):
    """The claim is no longer this attempt's: it was put back, or claimed again."""


class KeyReused(StoreError):
    """An idempotency key, or a custom id within its batch, was used before with another body, or twice in a write."""
