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

from api import batch_starter, errands, janitor, references, self_score
from api.messages import Failures
from api.service import Service, service
from shared import batch_counts, items, logs, once, quotas
from shared.batches import Batch, BatchState, UnknownBatch
from shared.job import Job
from shared.states import State

if TYPE_CHECKING:
    from pydantic import JsonValue
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
        number = record["dynamodb"].get("SequenceNumber", "")
        try:
            hand_on(service(), record)
        except ValidationError as error:  # of no version of this service: nothing follows from it, however often
            model, errors = error.title, error.error_count()
            log.error("item_not_understood", sequence_number=number, model=model, errors=errors)  # noqa: TRY400 - it quotes
        except Exception:
            log.exception("change_not_handed_on", sequence_number=number)
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}


def hand_on(parts: Service, record: Record) -> None:
    """What follows from one change: of a job's end, and of the removal of a job, a batch or a stored reference."""
    change = record["dynamodb"]
    keys = items.unpack(change["Keys"])
    partition, kind = str(keys["pk"]), str(keys["sk"]).partition("#")[0]
    match kind, "NewImage" in change:
        case "JOB", True:
            _job_changed(parts, change)
        case "JOB", False:
            janitor.clear(parts, partition.removeprefix("JOB#"))
            _job_removed(parts, change)
        case "META", False:
            _batch_removed(parts, partition.removeprefix("BATCH#"))
            _batchs_key_goes(parts, items.unpack(change["OldImage"]))
        case "REF", False:
            references.removed(parts, items.unpack(change["OldImage"]))


def _job_changed(parts: Service, change: Change) -> None:
    job = _job(change["NewImage"])
    if "OldImage" in change and not _job(change["OldImage"]).ended and job.ended:
        _ended(parts, job)


def _job_removed(parts: Service, change: Change) -> None:
    job = _job(change["OldImage"])
    once.made_gone(parts.table, job.once, job.id, job.times[State.AWAITING_UPLOAD], time.time())
    if not job.ended:
        _ended(parts, job)
    if job.batch:
        _removed_of(parts, job, job.batch)


def _removed_of(parts: Service, job: Job, batch_id: str) -> None:
    """The results of its batch are to hold it no longer; of one that is gone, what its last writes counted goes."""
    try:
        parts.batches.outdated(batch_id)
    except UnknownBatch:
        batch_counts.remove_of(parts.table, job)


def _batch_removed(parts: Service, batch_id: str) -> None:
    janitor.clear_batch(parts, batch_id)
    errands.send_removal(parts, batch_id)


def _batchs_key_goes(parts: Service, image: Mapping[str, JsonValue]) -> None:
    batch = Batch.model_validate(image)
    once.made_gone(parts.table, batch.once, batch.id, batch.times[BatchState.OPEN], time.time())


def _ended(parts: Service, job: Job) -> None:
    """In flight no more. It may have been its batch's last, or a stored reference's against itself.

    Only an end itself is told here, not a removal after it: `release` knows for some days what it has released.
    """
    quotas.release(parts.table, job, time.time())
    self_score.note(parts, job)
    if job.batch:
        try:
            batch_starter.end_if_all_ended(parts, parts.batches.get(job.batch))
        except UnknownBatch:
            log.info("batch_was_gone", batch=job.batch, job_id=job.id)


def _job(image: Image) -> Job:
    return Job.model_validate(items.unpack(image))
