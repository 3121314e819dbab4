"""Lanes whose messages were lost: empty twice in a row, a minute apart, while jobs of them wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from api.enqueue import enqueue
from shared import items, logs
from shared.errors import UnknownJob
from shared.pools import Lane
from shared.resources import PENDING_SHARDS, lane_queue
from shared.states import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue
    from types_boto3_sqs.literals import QueueAttributeNameType

    from api.service import Service
    from shared.job import Job

MOST_A_SHARD = 50  # jobs looked at: those that are due first
JUST_SENT_SECONDS = 60  # the counts of a queue are approximate, and follow within a minute: SQS API Reference
MARK_LIFE_SECONDS = 5 * 60
COUNTS: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

log = logs.get(__name__)


def resend_lost(service: Service) -> int:
    """Send the messages of lanes that are empty for the second time, for jobs that wait in them; how many."""
    lost = {lane for lane in _lanes(service) if _empty_again(service, lane)}
    sent = 0
    for job in _waiting(service) if lost else ():
        if lane_queue(job.pool, job.lane) in lost:
            enqueue(service, job)
            sent += 1
    if sent:
        log.error("lane_was_empty_messages_resent", lanes=sorted(lost), messages=sent)
    return sent


def _lanes(service: Service) -> list[str]:
    return [lane_queue(pool.name, lane) for pool in service.settings.pools for lane in Lane]


def _empty_again(service: Service, lane: str) -> bool:
    key: dict[str, JsonValue] = {"pk": "RECONCILER", "sk": f"EMPTY#{lane}"}
    if not _is_empty(service, lane):
        service.dynamodb.delete_item(TableName=service.table.name, Key=items.pack(key))
        return False
    now = time.time()
    mark = service.table.read(key)
    life: dict[str, JsonValue] = {**key, "seen_at": now, "expires_at": int(now) + MARK_LIFE_SECONDS}
    service.dynamodb.put_item(TableName=service.table.name, Item=items.pack(life))
    return mark is not None and float(str(mark["seen_at"])) > now - MARK_LIFE_SECONDS


def _is_empty(service: Service, lane: str) -> bool:
    url = service.settings.queue_urls[lane]
    counts = service.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    return not any(int(counts[name]) for name in COUNTS)


def _waiting(service: Service) -> Iterator[Job]:
    """Queued jobs whose message was not sent just now."""
    for shard in range(PENDING_SHARDS):
        listed = service.dynamodb.query(
            TableName=service.table.name,
            IndexName="pending",
            KeyConditionExpression="pending = :partition",
            ExpressionAttributeValues=items.pack({":partition": f"P#{shard:02d}"}),
            Limit=MOST_A_SHARD,
        )
        for item in listed["Items"]:
            job = _job(service, str(items.unpack(item)["pk"]))
            if job and job.state is State.QUEUED and job.times[State.QUEUED] < time.time() - JUST_SENT_SECONDS:
                yield job


def _job(service: Service, key: str) -> Job | None:
    try:
        return service.jobs.get(key.removeprefix("JOB#")) if key.startswith("JOB#") else None
    except UnknownJob:
        return None
