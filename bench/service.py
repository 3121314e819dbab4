"""A service for a worker to work for: an embedded cloud, and in it a table, a bucket, queues and a backlog of jobs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import boto3
import psutil

from bench import audio
from bench.engine import MODE
from bench.process import running
from bench.waiting import until_none
from sandbox import cloud, ports, resources
from shared import envelope, items
from shared.job import AudioFile, Job, Role, new_job_id
from shared.job_table import JobTable
from shared.lives import RUN_SECONDS, UPLOAD_SECONDS
from shared.pools import Lane, Pool
from shared.resources import VISIBILITY, lane_queue
from shared.states import State

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import WriteRequestTypeDef
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

POOL = Pool(name="bench-1", engine="stand-in", modes=(MODE,), default_mode=MODE.name)
LANE = Lane.BULK  # what a backlog is for

AUDIO_SECONDS = 0.6  # hardly more than the shortest that is scored, so that the scheduling is what takes time

WRITES = 25  # items a call: DynamoDB API Reference, BatchWriteItem
SENDS = 10  # messages a call: SQS API Reference, SendMessageBatch


class Pair(NamedTuple):
    """Two WAV files."""

    reference: bytes
    degraded: bytes


@contextmanager
def embedded_cloud(directory: Path, module: str = "sandbox.cloud") -> Iterator[psutil.Process]:
    """The cloud's process. From here on every AWS client of this process and its children talks to it."""
    port = ports.any_free()
    arguments = [str(port), str(directory / "cloud")]
    with running(module, *arguments, environment={}, log=directory / "cloud.log") as process:
        cloud.redirect(os.environ, port)
        yield process


@dataclass(frozen=True)
class Service:
    """A table, a bucket and queues under a name that nothing else has."""

    name: str
    pool: Pool
    queue_urls: dict[str, str]
    dynamodb: DynamoDBClient
    s3: S3Client
    sqs: SQSClient

    @classmethod
    def fresh(cls, pool: Pool = POOL) -> Service:
        """A new one in the embedded cloud, with that pool. It goes with the cloud."""
        dynamodb, s3, sqs = boto3.client("dynamodb"), boto3.client("s3"), boto3.client("sqs")
        name = f"bench-{uuid4().hex[:12]}"
        resources.create_table(dynamodb, name)
        queue_urls = resources.create_queues(sqs, [pool], prefix=f"{name}-")
        resources.create_bucket(s3, sqs, name, queue_urls)
        return cls(name, pool, queue_urls, dynamodb, s3, sqs)

    @property
    def environment(self) -> dict[str, str]:
        """What a worker is told of it."""
        return {
            "MOSAIC_TABLE": self.name,
            "MOSAIC_BUCKET": self.name,
            "MOSAIC_QUEUE_URLS": json.dumps(self.queue_urls),
            "MOSAIC_POOL": self.pool.name,
            "MOSAIC_POOLS": json.dumps([self.pool.model_dump(mode="json")]),
        }

    def put_backlog(self, count: int) -> list[str]:
        """Put so many jobs in as the API leaves them: files there, `queued`, a message each. Their ids, as sent."""
        jobs = self.put_jobs([LANE] * count)
        self.send(jobs)
        return [job.id for job in jobs]

    def put_jobs(self, lanes: Sequence[Lane], tenant: str = "bench") -> list[Job]:
        """A job for each of these lanes, as the API leaves it, but that its message is not sent yet."""
        sound = audio.noise(AUDIO_SECONDS, MODE.reference_rates_hz[0])
        files = {role: self._put_audio("bench", role, sound) for role in Role}
        return self._put([_queued_job(self.pool, files, lane, tenant) for lane in lanes])

    def put_pairs(self, pairs: Sequence[Pair]) -> list[Job]:
        """A job for each pair of files, its message not sent yet."""
        jobs = []
        for number, pair in enumerate(pairs):
            files = {role: self._put_audio(str(number), role, getattr(pair, role)) for role in Role}
            jobs.append(_queued_job(self.pool, files, LANE))
        return self._put(jobs)

    def send(self, jobs: Sequence[Job]) -> None:
        """Send each job's message to its lane."""
        for lane in Lane:
            own = [job for job in jobs if job.lane is lane]
            for first in range(0, len(own), SENDS):
                self._send(lane, own[first : first + SENDS])

    def wait_done(self) -> None:
        """Until no message is left: each is deleted after its job has ended. Raises TimeoutError where none goes.

        That is for less than a message stays hidden: one that was left undone would come again, and nobody would know.
        To look at the queues takes little of the machine, whose work is measured; to read the jobs would take more.
        """
        until_none(lambda: sum(self.messages(lane_queue(self.pool.name, lane)) for lane in Lane), VISIBILITY / 2)

    def jobs(self) -> list[Job]:
        """Every job, as it stands."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        found = [items.unpack(item) for page in pages for item in page["Items"]]
        return [Job.model_validate(item) for item in found if item["sk"] == "JOB"]

    def messages(self, queue: str) -> int:
        """How many a queue holds, to be seen and in flight."""
        return sum(counts(self.sqs, self.queue_urls[queue]))

    def remove_objects(self, prefix: str) -> None:
        """Remove all that lies under a prefix of the bucket."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            if keys := [found["Key"] for found in page.get("Contents", [])]:
                self.s3.delete_objects(Bucket=self.name, Delete={"Objects": [{"Key": key} for key in keys]})

    def _put_audio(self, name: str, role: Role, body: bytes) -> AudioFile:
        """A file that each job fetches for itself, be it one for all: its hash is not declared."""
        key = f"jobs/{name}/{role}.wav"
        put = self.s3.put_object(Bucket=self.name, Key=key, Body=body)
        return AudioFile(key=key, etag=put["ETag"])

    def _put(self, jobs: list[Job]) -> list[Job]:
        for first in range(0, len(jobs), WRITES):
            self._write(jobs[first : first + WRITES])
        return jobs

    def _write(self, jobs: Sequence[Job]) -> None:
        table = JobTable(self.dynamodb, self.name)
        puts: list[WriteRequestTypeDef] = [{"PutRequest": {"Item": table.new_item(job)["Item"]}} for job in jobs]
        left = self.dynamodb.batch_write_item(RequestItems={self.name: puts})["UnprocessedItems"]
        if left:
            raise RuntimeError("the cloud did not take every job")

    def _send(self, lane: Lane, jobs: Sequence[Job]) -> None:
        sent = self.sqs.send_message_batch(
            QueueUrl=self.queue_urls[lane_queue(self.pool.name, lane)],
            Entries=[
                {"Id": job.id, "MessageBody": envelope.pack(job.id), "MessageGroupId": job.tenant} for job in jobs
            ],
        )
        if sent.get("Failed"):
            raise RuntimeError("the cloud did not take every message")


def counts(sqs: SQSClient, queue_url: str) -> tuple[int, int]:
    """How many messages a queue holds: to be seen, and in flight."""
    counted = sqs.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return int(counted["ApproximateNumberOfMessages"]), int(counted["ApproximateNumberOfMessagesNotVisible"])


def _queued_job(pool: Pool, files: dict[Role, AudioFile], lane: Lane, tenant: str = "bench") -> Job:
    now = time.time()
    return Job(
        id=new_job_id(),
        tenant=tenant,
        state=State.QUEUED,
        times={State.AWAITING_UPLOAD: now, State.QUEUED: now},
        pool=pool.name,
        engine=pool.engine,
        mode=pool.default_mode,
        lane=lane,
        reference=files[Role.REFERENCE],
        degraded=files[Role.DEGRADED],
        upload_deadline=now + UPLOAD_SECONDS,
        run_deadline=now + RUN_SECONDS,
        check_at=now + RUN_SECONDS,
    )
