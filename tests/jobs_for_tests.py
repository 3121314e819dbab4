"""Jobs and results as tests need them."""

from shared.job import AudioFile, Job, Role, new_job_id
from shared.object_keys import upload_key
from shared.result import EngineRecord, Result
from shared.states import State

NOW = 1_790_000_000.0


def new_job(tenant: str = "acme", now: float = NOW) -> Job:
    """A job as `POST /jobs` makes it, with nothing declared."""
    job_id = new_job_id()
    return Job(
        id=job_id,
        tenant=tenant,
        times={State.AWAITING_UPLOAD: now},
        pool="visqol-3",
        engine="visqol",
        mode="wb",
        reference=AudioFile(key=upload_key(job_id, Role.REFERENCE)),
        degraded=AudioFile(key=upload_key(job_id, Role.DEGRADED)),
        upload_deadline=now + 3600,
    )


def result(mos_lqo: float = 3.31) -> Result:
    """A result as a worker commits it."""
    return Result(mos_lqo=mos_lqo, mode="wb", engine=EngineRecord(name="visqol", version="3.8.0"))


ETAGS = {Role.REFERENCE: '"aa"', Role.DEGRADED: '"bb"'}
