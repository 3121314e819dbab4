"""Replay where copies are events as they are in S3: the copies start the new job, by the API's own way in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import cast

import pytest

from api import intake
from api import service as service_module
from api.service import Service
from api.settings import ApiSettings
from infra.ops.replay import Outcome, Replay
from sandbox.function import Function, Handler
from sandbox.pumps import QueuePump
from sandbox.resources import queue_arn
from shared import envelope, settings
from shared.job import Job, Role
from shared.object_keys import upload_key
from shared.resources import UPLOADS_QUEUE
from shared.states import State
from tests.cloud import POOL, Resources
from tests.jobs_for_tests import new_job
from tests.wavs import wav

PATIENCE_SECONDS = 20


@pytest.fixture
def parts(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The functions' service on these resources; intake works with it."""
    told = {
        "MOSAIC_TABLE": resources.table,
        "MOSAIC_BUCKET": resources.bucket,
        "MOSAIC_POOLS": json.dumps([POOL.model_dump(mode="json")]),
        "MOSAIC_QUEUE_URLS": json.dumps(resources.queue_urls),
    }
    for name, value in resources.cloud.environment.items():
        monkeypatch.setenv(name, value)
    made = service_module.make(settings.read(ApiSettings, {**os.environ, **told}))
    monkeypatch.setattr(service_module, "_made", [made])
    return made


@pytest.fixture
def failed(parts: Service) -> Job:
    """A job that failed for the service's reasons, whose audio is kept."""
    job, etags = parts.jobs.create(new_job("acme", time.time())), {}
    for role in Role:
        key = upload_key(job.id, role)
        etags[role] = parts.s3.put_object(Bucket=parts.settings.bucket, Key=key, Body=wav(1.0))["ETag"]
    return parts.jobs.stuck(parts.jobs.queue(job, etags))


@pytest.fixture
def pump(parts: Service, resources: Resources) -> Iterator[QueuePump]:
    """Feeds intake with what S3 tells, once it is started."""
    url = resources.queue_urls[UPLOADS_QUEUE]
    handler = cast(Handler, intake.handler)  # what reaches it here is the event that it reads, as plain JSON
    function = Function("intake", handler)
    pump = QueuePump(parts.sqs, url, queue_arn(parts.sqs, url), function)
    yield pump
    pump.stop()
    function.stop()


def test_the_copies_start_the_new_job_once(parts: Service, failed: Job, resources: Resources, pump: QueuePump) -> None:
    replay = Replay(parts.table, parts.s3, parts.settings.bucket, [POOL.name])
    new = replay.replay(failed.id).by
    assert new is not None
    assert replay.replay(failed.id).by == new  # as long as nothing has started, copies may be missing
    pump.start()
    lane = resources.queue_urls[f"{POOL.name}-interactive"]
    [message] = parts.sqs.receive_message(QueueUrl=lane, WaitTimeSeconds=PATIENCE_SECONDS)["Messages"]
    assert envelope.unpack(message["Body"]).job == new.id
    wait_until_empty(parts, resources.queue_urls[UPLOADS_QUEUE])
    assert "Messages" not in parts.sqs.receive_message(QueueUrl=lane)
    started = parts.jobs.get(new.id)
    assert (started.state, started.degraded.etag) == (State.QUEUED, failed.degraded.etag)
    assert replay.replay(failed.id).outcome is Outcome.BEFORE


def wait_until_empty(parts: Service, url: str) -> None:
    """Until all that was told is worked off: no message waits, and none is in hand."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        told = parts.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        if told["ApproximateNumberOfMessages"] == told["ApproximateNumberOfMessagesNotVisible"] == "0":
            return
        time.sleep(0.05)
    raise TimeoutError(url)


def test_audio_that_is_replaced_after_it_was_looked_at_is_not_copied(parts: Service, failed: Job) -> None:
    replay = Replay(parts.table, parts.s3, parts.settings.bucket)

    def replace(**_: object) -> None:
        parts.s3.meta.events.unregister("before-call.s3.CopyObject", replace)
        parts.s3.put_object(Bucket=parts.settings.bucket, Key=failed.reference.key, Body=wav(2.0))

    parts.s3.meta.events.register("before-call.s3.CopyObject", replace)
    refused = replay.replay(failed.id)
    assert (refused.outcome, "is not what it was" in refused.why) == (Outcome.REFUSED, True)
