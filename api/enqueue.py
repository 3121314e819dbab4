"""The fan-in: whatever starts a job, its message is sent here, to its pool and lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from api import waiting
from api.serving import pool_of
from shared import envelope
from shared.resources import lane_queue

if TYPE_CHECKING:
    from api.service import Service
    from shared.job import Job


def enqueue(service: Service, job: Job) -> None:
    """Send a message for a queued job, and note that it was sent. Again is harmless: the claim decides.

    `MessageGroupId` on a standard queue makes it fair between tenants (SQS Developer Guide, "Amazon SQS fair queues").
    Raises PoolNotServed.
    """
    pool = pool_of(service, job)
    try:
        service.sqs.send_message(
            QueueUrl=service.settings.queue_urls[lane_queue(pool.name, job.lane)],
            MessageBody=envelope.pack(job.id),
            MessageGroupId=job.tenant,
        )
    except (BotoCoreError, ClientError):
        service.jobs.check_in(job, 0)  # so that a start that is repeated sends at once
        raise
    service.jobs.sent(job, waiting.expected_wait(service, job))
