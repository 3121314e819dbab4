"""The janitor removes all of a job, or its audio alone, and says so where the store kept some."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api import janitor
from api.janitor import NotRemoved
from api.service import Service
from shared.job import Role
from shared.object_keys import result_key, upload_key
from tests.unit.api.steps import BUCKET, calls


@pytest.fixture
def job_id(parts: Service) -> str:
    """Of a job whose files and two results are stored."""
    job_id = secrets.token_hex(16)
    for key in (*(upload_key(job_id, role) for role in Role), result_key(job_id, 1), result_key(job_id, 2)):
        parts.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    return job_id


def keys(parts: Service, job_id: str) -> list[str]:
    pages = parts.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [found["Key"] for page in pages for found in page.get("Contents", []) if job_id in found["Key"]]


def test_the_audio_goes_and_the_results_stay(parts: Service, job_id: str) -> None:
    for _ in range(2):
        janitor.clear_audio(parts, job_id)
        assert keys(parts, job_id) == [result_key(job_id, 1), result_key(job_id, 2)]


def test_nothing_stays(parts: Service, job_id: str) -> None:
    for _ in range(2):
        janitor.clear(parts, job_id)
        assert keys(parts, job_id) == []


def test_of_nothing_nothing_is_deleted(parts: Service) -> None:
    with calls(parts.s3, "DeleteObjects") as deletions:
        janitor.clear(parts, secrets.token_hex(16))
    assert deletions == []


def test_more_objects_than_one_deletion_takes_go_too(parts: Service, job_id: str) -> None:
    for number in range(1001):
        parts.s3.put_object(Bucket=BUCKET, Key=result_key(job_id, number), Body=b"")
    with calls(parts.s3, "DeleteObjects") as deletions:
        janitor.clear(parts, job_id)
    assert len(deletions) == 3
    assert keys(parts, job_id) == []


def test_an_object_that_the_store_keeps_is_told(parts: Service, job_id: str) -> None:
    with kept(parts), pytest.raises(NotRemoved, match=r"1 of 2.*AccessDenied"):
        janitor.clear(parts, job_id)


@contextmanager
def kept(parts: Service) -> Iterator[None]:
    """Every deletion says that one object was not removed (S3 API Reference, DeleteObjects: `Errors`)."""

    def tell(parsed: dict[str, object], **_: object) -> None:
        parsed["Errors"] = [{"Key": "jobs/x", "Code": "AccessDenied", "Message": "Access Denied"}]

    parts.s3.meta.events.register("after-call.s3.DeleteObjects", tell)
    try:
        yield
    finally:
        parts.s3.meta.events.unregister("after-call.s3.DeleteObjects", tell)
