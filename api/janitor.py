"""The janitor: removes what is stored of a job or a batch. Again is harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import batch_counts, logs
from shared.object_keys import JOBS_PREFIX, RESULTS_PREFIX

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

    from api.service import Service

log = logs.get(__name__)


class NotRemoved(Exception):
    """The store kept some of the objects: to be tried again."""


def clear_audio(service: Service, job_id: str) -> None:
    """Remove a job's own files. A stored reference is no file of the job's. Raises NotRemoved."""
    _clear(service, f"{JOBS_PREFIX}{job_id}/")


def clear(service: Service, job_id: str) -> None:
    """Remove all that is stored of a job: audio and results. Raises NotRemoved."""
    for prefix in (JOBS_PREFIX, RESULTS_PREFIX):
        _clear(service, f"{prefix}{job_id}/")


def clear_batch(service: Service, batch_id: str) -> None:
    """Remove a batch's results and its counts. Raises NotRemoved."""
    _clear(service, f"{RESULTS_PREFIX}{batch_id}/")
    batch_counts.remove(service.table, batch_id)


def _clear(service: Service, prefix: str) -> None:
    """A listing has up to 1,000 keys, which is what one deletion takes: S3 API Reference, DeleteObjects."""
    pages = service.s3.get_paginator("list_objects_v2").paginate(Bucket=service.settings.bucket, Prefix=prefix)
    for page in pages:
        objects: list[ObjectIdentifierTypeDef] = [{"Key": found["Key"]} for found in page.get("Contents", [])]
        if not objects:
            continue
        answer = service.s3.delete_objects(Bucket=service.settings.bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            raise NotRemoved(f"{len(errors)} of {len(objects)} under {prefix}: {errors[0].get('Code')}")
        log.info("objects_removed", prefix=prefix, count=len(objects))
