"""The function on `jobs-dead`: a message that was received too often. It believes the table, not the message."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from api.intake import Failures, Message
from api.service import Service, service
from shared import envelope, logs
from shared.claims import GRACE_SECONDS
from shared.envelope import MalformedEnvelope, NewerEnvelope
from shared.errors import LostRace, UnknownJob
from shared.states import State

if TYPE_CHECKING:
    from shared.job import Job

logs.configure("dead-letters")
log = logs.get(__name__)


def handler(event: Mapping[str, Sequence[Message]], context: object) -> Failures:
    """Look at the job of each message, and fail the one that is truly stuck; each message fails alone."""
    failed = [message["messageId"] for message in event["Records"] if not _looked_at(message)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _looked_at(message: Message) -> bool:
    try:
        look_at(service(), envelope.unpack(message["body"]).job)
    except (MalformedEnvelope, NewerEnvelope):
        log.exception("dead_letter_not_read", message_id=message["messageId"])
    except Exception:
        log.exception("dead_letter_failed", message_id=message["messageId"])
        return False
    return True


def look_at(parts: Service, job_id: str) -> None:
    """Fail a job that still waits though its message came to nothing a thousand times."""
    try:
        job = parts.jobs.get(job_id)
        if _stuck(job):
            parts.jobs.stuck(job)
            with logs.about(job):
                log.error("job_undeliverable")
    except (UnknownJob, LostRace):
        return  # ended, or somebody has it in hand


def _stuck(job: Job) -> bool:
    if job.state is State.RUNNING:
        return job.claim_until is not None and job.claim_until + GRACE_SECONDS <= time.time()
    return job.state is State.QUEUED
