"""The stream reader: the one place where the table's stream is read. What follows from a change is called from here.

Forms and rules: Lambda Developer Guide, "Using Lambda with Amazon DynamoDB", and there "Partial batch response"; which
changes it is given: `shared.resources.STREAM_FILTERS`. Records come at least once, in order by item: whatever is called
here is harmless when called again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from pydantic import ValidationError

from api import batch_starter, janitor, references, self_score
from api.intake import Failures
from api.service import Service, service
from shared import items, logs, once, quotas
from shared.batches import UnknownBatch
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
    """What follows from one change: of a job's end, and of the removal of a job, a batch or a reference."""
    change = record["dynamodb"]
    keys = items.unpack(change["Keys"])
    kind, _, name = str(keys["pk"]).partition("#")
    if keys["sk"] == "JOB":
        _job_changed(parts, name, _job(change.get("OldImage")), _job(change.get("NewImage")))
    elif (kind, keys["sk"]) == ("BATCH", "META") and "NewImage" not in change:
        janitor.clear_batch(parts, name)
    elif kind == "REF" and "NewImage" not in change:
        references.removed(parts, items.unpack(change["OldImage"]))


def _job_changed(parts: Service, job_id: str, before: Job | None, after: Job | None) -> None:
    if after is None:
        janitor.clear(parts, job_id)
    if before and after is None:
        once.job_gone(parts.table, before, time.time())
    if before and not before.ended and (after is None or after.ended):
        _ended(parts, after or before)


def _ended(parts: Service, job: Job) -> None:
    """In flight no more; its end may be its batch's. `release` knows a job for days, so only its end itself is told."""
    quotas.release(parts.table, job, time.time())
    self_score.note(parts, job)
    if job.batch:
        try:
            batch_starter.end_if_all_ended(parts, parts.batches.get(job.batch))
        except UnknownBatch:
            log.warning("batch_was_gone", batch=job.batch, job_id=job.id)


def _job(image: Image | None) -> Job | None:
    """The job that an item was. Of one that no version of this service wrote, nothing can follow, however often."""
    if not image:
        return None
    try:
        return Job.model_validate(items.unpack(image))
    except ValidationError as error:
        log.error("job_not_understood", keys=sorted(image), errors=error.error_count())  # noqa: TRY400 - it may hold labels
        return None
