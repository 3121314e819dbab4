"""Stored references when several do something with one at once: item and object are both there, or neither."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from api import creation, references, starting, tenants, waiting
from api.documents import DeclaredFile, NewJob
from api.service import Service
from api.settings import ApiSettings
from shared import quotas
from shared.job import Role
from shared.limits import Quota
from shared.object_keys import ReferenceName, reference_key
from shared.pools import Lane
from shared.references import Asked
from shared.resources import lane_queue
from shared.states import State
from tests.cloud import POOL, Resources
from tests.wavs import wav

TENANT = "acme"
AT_ONCE = 8
ROUNDS = 30


@pytest.fixture
def parts(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(tenants, "_cache", {})
    monkeypatch.setattr(tenants, "_owners", {})
    monkeypatch.setattr(waiting, "_cache", {})
    told = ApiSettings.model_construct(
        table=resources.table, bucket=resources.bucket, pools=[POOL], queue_urls=resources.queue_urls
    )
    reached = resources.clients
    return Service(told, reached.dynamodb, reached.s3, reached.sqs)


def uploaded(parts: Service) -> tuple[ReferenceName, int]:
    """A reference whose upload came in just now, and its bytes."""
    content = wav(samples=secrets.token_bytes(32000))
    name = ReferenceName(TENANT, hashlib.sha256(content).hexdigest())
    parts.s3.put_object(Bucket=parts.settings.bucket, Key=reference_key(*name), Body=content)
    return name, len(content)


def together(*calls: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(calls)) as threads:
        for done in [threads.submit(call) for call in calls]:
            done.result()


def test_news_that_come_many_times_at_once_make_one_reference_and_one_score(parts: Service) -> None:
    name, bytes_ = uploaded(parts)
    parts.references.ask(name, Asked(label="once", check=True))
    together(*[partial(references.take, parts, name)] * AT_ONCE)
    stored = parts.references.find(name)
    assert stored is not None
    assert stored.label == "once"
    used = quotas.used(parts.table, TENANT)
    assert (used[Quota.BYTES_PER_DAY], used[Quota.JOBS_PER_DAY]) == (bytes_, 1)
    messages = parts.sqs.receive_message(
        QueueUrl=parts.settings.queue_urls[lane_queue(POOL.name, Lane.INTERACTIVE)], MaxNumberOfMessages=10
    )
    assert len(messages.get("Messages", [])) == 1


def test_whoever_comes_last_item_and_object_are_both_there_or_neither(parts: Service) -> None:
    both = 0
    for number in range(ROUNDS):
        name, _ = uploaded(parts)
        take, delete = partial(references.take, parts, name), partial(references.delete, parts, name)
        if number % 3:
            take()
        image = parts.references.find(name)
        calls: list[Callable[[], object]] = [take, take, delete] if number % 2 else [delete, take]
        if image and number % 5 == 0:
            calls.append(partial(references.removed, parts, image.model_dump(mode="json")))
        together(*calls)
        there = parts.references.find(name) is not None
        assert there == (references._object(parts, name) is not None), number
        both += there
    assert 0 < both < ROUNDS, "no race was lost, or none was won"


def test_a_job_made_while_its_reference_is_deleted_names_it_or_takes_an_upload(parts: Service) -> None:
    tenant = tenants.tenant_named(TENANT, parts.table)
    for _ in range(ROUNDS // 3):
        name, _ = uploaded(parts)
        references.take(parts, name)
        body = NewJob(reference=DeclaredFile(sha256=name.sha256))
        new = creation.new_job(parts, tenant, body)
        together(partial(creation.create, parts, tenant, new, None), partial(references.delete, parts, name))
        job = parts.jobs.get(new.id)
        parts.s3.put_object(Bucket=parts.settings.bucket, Key=job.degraded.key, Body=wav(1.0))
        if job.reference.key == reference_key(*name):
            assert starting.start(parts, job).state is State.FAILED
        else:
            with pytest.raises(starting.MissingUploads) as missing:
                starting.start(parts, job)
            assert missing.value.roles == [Role.REFERENCE]
