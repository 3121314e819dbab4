"""The intake function: S3 tells an upload, and a job whose files are both there starts by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from api import references, starting
from api.messages import Failures, Message, work_off
from api.service import Service, service
from shared import logs, object_keys
from shared.errors import UnknownJob
from shared.resources import UPLOADS_QUEUE

if TYPE_CHECKING:
    from shared.object_keys import Upload

logs.configure("intake")
log = logs.get(__name__)


def handler(event: Mapping[str, Sequence[Message]], context: object) -> Failures:
    """Take in the uploads that a batch of messages tells of; each message fails alone."""
    is_open = cache(lambda batch: starting.is_open(service(), batch))  # all files were there before the first look
    return work_off(event, service, UPLOADS_QUEUE, partial(_take_in, is_open=is_open))


def _take_in(body: str, is_open: Callable[[str], bool]) -> None:
    for key, etag in _uploads(body):
        if upload := object_keys.parse_upload_key(key):
            take(service(), key, upload, etag, is_open)
        elif reference := object_keys.parse_reference_key(key):
            references.take(service(), reference)


def _uploads(body: str) -> list[tuple[str, str]]:
    """Keys and ETags in an S3 event notification (S3 User Guide, "Event message structure").

    Keys come URL-encoded, ETags without their quotes.
    """
    objects = [record["s3"]["object"] for record in json.loads(body).get("Records", [])]
    return [(unquote_plus(found["key"]), f'"{found["eTag"]}"') for found in objects]


def take(parts: Service, key: str, upload: Upload, etag: str, is_open: Callable[[str], bool]) -> None:
    """One upload: start its job where that waits for nothing else; delete it where it has none that is alive.

    Many of one batch are told of at once: whether that `is_open` is looked at once for all.

    The very file that an ended job was scored from stays as long as its audio does: its event may come late, or twice.
    """
    try:
        job = parts.jobs.get(upload.job_id)
    except UnknownJob:
        job = None
    if job is None or (job.ended and (job.audio_gone or job.file(upload.role).etag != etag)):
        parts.s3.delete_object(Bucket=parts.settings.bucket, Key=key)
        log.info("late_upload_deleted", job_id=upload.job_id, role=upload.role)
        return
    if job.ended:
        return
    if job.batch is None or not is_open(job.batch):
        job = starting.start_by_itself(parts, job)
    with logs.about(job):
        log.info("upload_taken", role=upload.role, state=job.state)
