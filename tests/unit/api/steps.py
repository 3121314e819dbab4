"""What a client of the REST function does, step by step, and looks at what it left behind."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from api.documents import CreatedJob, JobDocument, UploadPolicy
from api.service import Service
from shared.claims import Claims
from shared.job import ErrorCategory, Job, JobError, Role
from shared.job_table import job_key
from shared.object_keys import result_key, upload_key
from shared.pools import Lane
from shared.resources import BATCHES_QUEUE, lane_queue
from shared.states import State
from tests.clock import now
from tests.jobs_for_tests import ETAGS, result
from tests.requests import KEY_ID, Answer, request
from tests.wavs import wav

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from pydantic import JsonValue

ACME, GLOBEX = KEY_ID, "key-of-globex"
BUCKET = "mosaic-test"
GOOD = wav(0.5)
BAD_INPUT = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="No speech.", file=Role.DEGRADED)
SERVICE = JobError(category=ErrorCategory.SERVICE, code="attempts_exhausted", message="Given up.")


@dataclass(frozen=True)
class Message:
    """A message as a worker would receive it."""

    body: str
    group: str


def create(body: object = None, *, key_id: str = ACME, idempotency_key: str | None = None) -> CreatedJob:
    """A new job."""
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    answer = request("POST", "/v1/jobs", body or {}, headers=headers, key_id=key_id)
    assert answer.status == 201, answer.body
    return CreatedJob.model_validate(answer.body)


def upload(parts: Service, job_id: str, role: Role, content: bytes = GOOD) -> str:
    """Store a file as S3 does once a policy let it in; its ETag."""
    return parts.s3.put_object(Bucket=BUCKET, Key=upload_key(job_id, role), Body=content)["ETag"]


def uploaded(parts: Service, body: object = None, *, reference: bytes = GOOD, degraded: bytes = GOOD) -> CreatedJob:
    """A new job with both files there; `start` is `manual` where the body says nothing of it."""
    job = create(body or {"start": "manual"})
    upload(parts, job.id, Role.REFERENCE, reference)
    upload(parts, job.id, Role.DEGRADED, degraded)
    return job


def start(job_id: str, *, key_id: str = ACME) -> Answer:
    """The start call."""
    return request("POST", f"/v1/jobs/{job_id}/start", key_id=key_id)


def renew(job_id: str, *, key_id: str = ACME) -> Answer:
    """The call for fresh policies."""
    return request("POST", f"/v1/jobs/{job_id}/uploads", key_id=key_id)


def get(job_id: str, *, key_id: str = ACME) -> Answer:
    """One poll."""
    return request("GET", f"/v1/jobs/{job_id}", key_id=key_id)


def document(answer: Answer) -> JobDocument:
    """The job in an answer."""
    return JobDocument.model_validate(answer.body)


def bring(parts: Service, job_id: str, state: State) -> Job:
    """Bring a fresh job to that state, by the writes that the service and a worker would make."""
    jobs, claims = parts.jobs, Claims(parts.table, "host-a", now, parts.settings.lives)
    if state is State.AWAITING_UPLOAD:
        return jobs.get(job_id)
    if state is State.EXPIRED:
        return jobs.expire(jobs.get(job_id))
    if state is State.CANCELLED:
        return jobs.cancel(jobs.get(job_id))
    queued = jobs.queue(jobs.get(job_id), ETAGS)
    if state is State.QUEUED:
        return queued
    running = claims.begin(claims.claim(job_id))
    if state is State.RUNNING:
        return running
    if state is State.FAILED:
        return claims.fail(running, SERVICE)
    return claims.commit(running, result(), result_key(job_id, running.attempt))


def serving_only(parts: Service, pool: str) -> Service:
    """The service after a deploy that took every other pool away, with its queues."""
    told = parts.settings
    left = {name: url for name, url in told.queue_urls.items() if name.startswith(pool) or name == BATCHES_QUEUE}
    pools = [one for one in told.pools if one.name == pool]
    return replace(parts, settings=told.model_copy(update={"pools": pools, "queue_urls": left}))


def messages(parts: Service, queue: str = "visqol-3-interactive") -> list[Message]:
    """Every message that waits in a queue, taken from it. There are at most 10, which moto gives at once."""
    url = parts.settings.queue_urls[queue]
    received = parts.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    ).get("Messages", [])
    for message in received:
        parts.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [Message(message["Body"], message["Attributes"]["MessageGroupId"]) for message in received]


def all_messages(parts: Service) -> list[Message]:
    """Every message that waits in any lane, taken from it."""
    lanes = [lane_queue(pool.name, lane) for pool in parts.settings.pools for lane in Lane]
    return [message for queue in lanes for message in messages(parts, queue)]


def take_all(parts: Service, url: str) -> list[str]:
    """The bodies of what waits in the queue at that URL, however much it is, taken from it."""
    bodies: list[str] = []
    while found := parts.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            bodies.append(message["Body"])
            parts.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def stored(parts: Service, job_id: str) -> set[Role]:
    """Which of a job's files are in the bucket."""
    listed = parts.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"jobs/{job_id}/").get("Contents", [])
    keys = {found["Key"] for found in listed}
    return {role for role in Role if upload_key(job_id, role) in keys}


def item(parts: Service, job_id: str) -> dict[str, JsonValue] | None:
    """The job's item, as it lies in the table."""
    return parts.table.read(job_key(job_id))


def guard_item(parts: Service, job_id: str) -> dict[str, JsonValue] | None:
    """The job's poll guard."""
    return parts.table.read({"pk": f"JOB#{job_id}", "sk": "POLL"})


def count_items(parts: Service) -> int:
    """How many items the table holds."""
    return parts.dynamodb.scan(TableName=parts.table.name, Select="COUNT")["Count"]


def policy_document(policy: UploadPolicy) -> dict[str, object]:
    """What a policy's signed text says (Amazon S3 API Reference, "Creating a POST policy")."""
    decoded: dict[str, object] = json.loads(base64.b64decode(policy.fields["policy"]))
    return decoded


def conditions(policy: UploadPolicy) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """A policy's exact fields, and its ranges by name."""
    exact: dict[str, str] = {}
    ranges: dict[str, tuple[int, int]] = {}
    for condition in cast(list[dict[str, str] | list[object]], policy_document(policy)["conditions"]):
        if isinstance(condition, dict):
            exact.update(condition)
        else:
            name, low, high = condition
            ranges[str(name)] = (cast(int, low), cast(int, high))
    return exact, ranges


@contextmanager
def calls(client: BaseClient, operation: str) -> Iterator[list[dict[str, object]]]:
    """The parameters of each such call made meanwhile."""
    seen: list[dict[str, object]] = []
    event = f"provide-client-params.{client.meta.service_model.service_id.hyphenize()}.{operation}"

    def note(params: dict[str, object], **_: object) -> None:
        seen.append(params)

    client.meta.events.register(event, note)
    try:
        yield seen
    finally:
        client.meta.events.unregister(event, note)
