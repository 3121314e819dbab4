"""The function on `jobs-dead`: a message that was received too often. It believes the table, not the message."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from api.enqueue import enqueue
from api.messages import Failures, Message, work_off
from api.service import Service, service
from shared import envelope, logs
from shared.envelope import MalformedEnvelope, NewerEnvelope
from shared.errors import LostRace, UnknownJob
from shared.lives import HOUR
from shared.resources import DEAD_QUEUE
from shared.states import State

if TYPE_CHECKING:
    from shared.job import Job

logs.configure("dead-letters")
log = logs.get(__name__)

STUCK_SECONDS = HOUR  # that a job waited untouched, though its message was received so often


def handler(event: Mapping[str, Sequence[Message]], context: object) -> Failures:
    """Look at the job of each message, and fail the one that is truly stuck; each message fails alone."""
    return work_off(event, service, DEAD_QUEUE, _look)


def _look(body: str) -> None:
    try:
        job_id = envelope.unpack(body).job
    except (MalformedEnvelope, NewerEnvelope):
        log.exception("dead_letter_not_read", body_bytes=len(body.encode()))
        return
    look_at(service(), job_id)


def look_at(parts: Service, job_id: str) -> None:
    """Fail a queued job that nobody took up; one that was put back of late is well, and gets a new message.

    A licence that is lost for a day makes workers put jobs back a thousand times. A running job is its worker's, or the
    reconciler's.
    """
    try:
        job = parts.jobs.get(job_id)
        if job.state is not State.QUEUED:
            return
        with logs.about(job):
            _help(parts, job)
    except (UnknownJob, LostRace):
        return  # ended, or somebody has it in hand


def _help(parts: Service, job: Job) -> None:
    if job.times[State.QUEUED] > time.time() - STUCK_SECONDS:
        enqueue(parts, job)
        log.warning("message_sent_again", sends=job.sends)
    else:
        parts.jobs.stuck(job)
        log.error("job_undeliverable")
