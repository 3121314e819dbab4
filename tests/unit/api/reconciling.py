"""Runs of the reconciler, and what it finds: jobs that wait for something that will not come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from api import reconciler, waiting
from api.lanes import Lanes
from shared import envelope
from shared.claims import Claims
from shared.job import Job, Role
from shared.pools import Lane
from shared.resources import lane_queue
from tests.clock import now
from tests.jobs_for_tests import ETAGS
from tests.unit.api.steps import all_messages, create, upload

if TYPE_CHECKING:
    import pytest

    from api.service import Service

MINUTE = 60
LANE = lane_queue("visqol-3", Lane.INTERACTIVE)


def reconcile() -> int:
    """One run; how many were looked at."""
    waiting._cache.clear()
    return reconciler.handler({}, None)["looked_at"]


def told(parts: Service) -> list[str]:
    """The jobs that messages were sent for, which are taken from their lanes."""
    return [envelope.unpack(message.body).job for message in all_messages(parts)]


def whole(parts: Service, body: object = None) -> Job:
    """A job with both files, whose upload events never came."""
    job_id = create(body).id
    for role in Role:
        upload(parts, job_id, role)
    return parts.jobs.get(job_id)


def sent(parts: Service) -> Job:
    """A queued job with both files whose message was sent, and is lost."""
    job = whole(parts)
    parts.jobs.sent(parts.jobs.queue(job, ETAGS))
    return parts.jobs.get(job.id)


def running(parts: Service) -> Job:
    """A job with both files, claimed by a worker of which nothing more is heard."""
    return Claims(parts.table, "host-a", now, parts.settings.lives).claim(sent(parts).id)


def meanwhile(parts: Service, monkeypatch: pytest.MonkeyPatch, job: Job, write: Callable[[], object]) -> None:
    """Look at a job; after it was read, and before anything is written, somebody else writes."""

    def get(_: str) -> Job:
        monkeypatch.undo()
        write()
        return job

    monkeypatch.setattr(parts.jobs, "get", get)
    reconciler.look_at(parts, Lanes(parts), f"JOB#{job.id}")


def deep(parts: Service, count: int, lane: str = LANE) -> None:
    """Messages of other jobs that wait in a lane."""
    for number in range(count):
        parts.sqs.send_message(QueueUrl=parts.settings.queue_urls[lane], MessageBody=f"other {number}")
