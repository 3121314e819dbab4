"""The stream reader: the one place where the table's stream is read. What follows from a change is called from here.

Forms and rules: Lambda Developer Guide, "Using Lambda with Amazon DynamoDB", and there "Partial batch response".
Records come at least once, in order by item: whatever is called here is harmless when called again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from api import batch_starter, janitor
from api.intake import Failures
from api.service import Service, service
from shared import items, logs, quotas
from shared.batches import UnknownBatch, batch_of
from shared.job import Job

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

logs.configure("stream-reader")
log = logs.get(__name__)

Image = Mapping[str, "AttributeValueTypeDef"]


class Change(TypedDict, total=False):
    """What a record says of one item."""

    Keys: Image
    OldImage: Image
    NewImage: Image
    SequenceNumber: str


class Record(TypedDict):
    """One record of the stream, as Lambda hands it over."""

    eventName: str
    dynamodb: Change


def handler(event: Mapping[str, Sequence[Record]], context: object) -> Failures:
    """Hand on each change, in order. The first that fails is told, and comes again with all that follow it."""
    for record in event["Records"]:
        try:
            hand_on(service(), record)
        except Exception:
            number = record["dynamodb"].get("SequenceNumber", "")
            log.exception("change_not_handed_on", sequence_number=number)
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}


def hand_on(parts: Service, record: Record) -> None:
    """What follows from one change: of a job's end, and of the removal of a job or a batch. Of others, nothing."""
    change = record["dynamodb"]
    keys = items.unpack(change["Keys"])
    before, after = _image(change, "OldImage"), _image(change, "NewImage")
    if keys["sk"] == "JOB":
        _job_changed(parts, _job(before), _job(after))
    elif keys["sk"] == "META" and after is None and (batch := batch_of(str(keys["pk"]))):
        janitor.clear(parts, batch)


def _job_changed(parts: Service, before: Job | None, after: Job | None) -> None:
    if after and after.ended and not (before and before.ended):
        _ended(parts, after)
    if before and after is None:
        quotas.release(parts.table, before, time.time())  # deleted, perhaps, before its end was told
        janitor.clear(parts, before.id)


def _ended(parts: Service, job: Job) -> None:
    quotas.release(parts.table, job, time.time())
    if job.batch:
        try:
            batch_starter.end_if_all_ended(parts, parts.batches.get(job.batch))
        except UnknownBatch:
            log.warning("batch_was_gone", batch=job.batch, job_id=job.id)


def _image(change: Change, name: str) -> dict[str, object] | None:
    image = change.get(name)
    return dict(items.unpack(image)) if image else None  # type: ignore[arg-type]  # one of the two images


def _job(image: Mapping[str, object] | None) -> Job | None:
    return Job.model_validate(image) if image else None
