"""Replay: a new job for one that failed for the service's reasons, from the audio that is kept of it.

It goes the way of every client: the job is created, then its files arrive, and what S3 tells of them starts it. So it
meets the same checks, and is enqueued in the same place, as any other job.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared import items
from shared.errors import UnknownJob
from shared.job import AudioFile, ErrorCategory, Job, Role, Start, new_job_id
from shared.job_table import ended_partitions
from shared.jobs import Jobs
from shared.lives import UPLOAD_SECONDS
from shared.object_keys import parse_reference_key, upload_key
from shared.once import Once
from shared.references import References
from shared.states import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, KeysAndAttributesUnionTypeDef
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CopySourceTypeDef

    from shared.job_table import JobTable
    from shared.jobs import Clock

READ_AT_ONCE = 100  # items: DynamoDB API Reference, BatchGetItem
GONE = frozenset({"404", "NoSuchKey", "NotFound"})
CHANGED = frozenset({"412", "PreconditionFailed"})


class Outcome(StrEnum):
    """What a replay came to."""

    REPLAYED = "replayed"
    BEFORE = "replayed before"
    REFUSED = "refused"


@dataclass(frozen=True)
class Replayed:
    """What became of one job: the job that replays it, or why there is none."""

    job_id: str
    outcome: Outcome
    by: Job | None = None
    why: str = ""


class NotReplayable(Exception):
    """The job cannot be replayed; the message says why."""


class Replay:
    """Replays jobs of one deployment. `pools` are those that it has; none given, any will do."""

    def __init__(
        self, table: JobTable, s3: S3Client, bucket: str, pools: Iterable[str] = (), clock: Clock = time.time
    ) -> None:
        self._table = table
        self._jobs = Jobs(table, clock)
        self._references = References(table, clock)
        self._s3 = s3
        self._bucket = bucket
        self._pools = frozenset(pools)
        self._clock = clock

    def replay(self, job_id: str) -> Replayed:
        """Replay a job. Again finishes what was broken off, and makes no second job."""
        try:
            old = self._replayable(job_id)
            new = self._created(old)
            if new.state is not State.AWAITING_UPLOAD:
                return Replayed(job_id, Outcome.BEFORE, new)
            for role in _own(old):
                self._copy(old.file(role), new.file(role))
        except NotReplayable as refused:
            return Replayed(job_id, Outcome.REFUSED, why=str(refused))
        return Replayed(job_id, Outcome.REPLAYED, new)

    def failed_since(self, at: float, tenant: str | None = None) -> list[str]:
        """The jobs that failed for the service's reasons since then, the first one first; of a tenant or of all.

        They are among those that the index of what is due holds for as long as their audio is kept.
        """
        found = [job for job in self._read(self._with_audio()) if _failed(job, at, tenant)]
        return [job.id for job in sorted(found, key=lambda job: job.times[State.FAILED])]

    def _replayable(self, job_id: str) -> Job:
        try:
            job = self._jobs.get(job_id)
        except UnknownJob:
            raise NotReplayable("there is no such job, or its life is over") from None
        if job.state is not State.FAILED or job.error is None:
            raise NotReplayable(f"it is {job.state}")
        if job.error.category is not ErrorCategory.SERVICE:
            raise NotReplayable(f"it failed for its own reasons, {job.error.code}, and would again")
        if self._pools and job.pool not in self._pools:
            raise NotReplayable(f"its pool, {job.pool}, is not served any more")
        if not _own(job):
            raise NotReplayable("it scored a stored reference against itself: its owner can ask for that again")
        for role in Role:
            self._look_for(job.file(role))
        return job

    def _created(self, old: Job) -> Job:
        """The job that replays it, made now or before. One that expired before its files were there does not count."""
        named = old.id
        while True:
            try:
                new = self._jobs.create(_anew(old, self._clock()), Once.by_replay(named))
            except UnknownJob:
                raise NotReplayable("it was replayed before, and the life of that job is over") from None
            if new.state is not State.EXPIRED:
                return new
            named = new.id

    def _look_for(self, file: AudioFile) -> None:
        """That it is there as it was. The life of a stored reference is moved ahead, as for any job that names it."""
        name = parse_reference_key(file.key)
        if name and self._references.use(name) is None:
            raise NotReplayable("its stored reference was deleted")
        with _as_it_was(file):
            self._s3.head_object(Bucket=self._bucket, Key=file.key, IfMatch=_etag(file))

    def _copy(self, old: AudioFile, new: AudioFile) -> None:
        source: CopySourceTypeDef = {"Bucket": self._bucket, "Key": old.key}
        with _as_it_was(old):
            self._s3.copy_object(Bucket=self._bucket, Key=new.key, CopySource=source, CopySourceIfMatch=_etag(old))

    def _with_audio(self) -> Iterator[dict[str, AttributeValueTypeDef]]:
        """The keys of all ended jobs whose audio is kept."""
        pages = self._table.client.get_paginator("query")
        for partition in ended_partitions():
            for page in pages.paginate(
                TableName=self._table.name,
                IndexName="pending",
                KeyConditionExpression="pending = :partition",
                ExpressionAttributeValues=items.pack({":partition": partition}),
            ):
                yield from ({"pk": item["pk"], "sk": item["sk"]} for item in page["Items"])

    def _read(self, keys: Iterator[dict[str, AttributeValueTypeDef]]) -> Iterator[Job]:
        while some := [*islice(keys, READ_AT_ONCE)]:
            asked: Mapping[str, KeysAndAttributesUnionTypeDef] = {self._table.name: {"Keys": some}}
            while asked:
                answer = self._table.client.batch_get_item(RequestItems=asked)
                yield from (Job.model_validate(items.unpack(item)) for item in answer["Responses"][self._table.name])
                asked = answer["UnprocessedKeys"]


def _anew(old: Job, now: float) -> Job:
    """A job of its own, in no batch, whose files are at places of their own, but for stored references."""
    job_id = new_job_id()
    return Job(
        id=job_id,
        tenant=old.tenant,
        times={State.AWAITING_UPLOAD: now},
        pool=old.pool,
        engine=old.engine,
        mode=old.mode,
        lane=old.lane,
        reference=_file(old, Role.REFERENCE, job_id),
        degraded=_file(old, Role.DEGRADED, job_id),
        start=Start.AUTO,
        label=old.label,
        metadata=old.metadata,
        replay_of=old.id,
        upload_deadline=now + UPLOAD_SECONDS,
    )


def _file(old: Job, role: Role, job_id: str) -> AudioFile:
    file = old.file(role)
    key = upload_key(job_id, role) if role in _own(old) else file.key
    return file.model_copy(update={"key": key, "etag": None})


def _own(job: Job) -> list[Role]:
    """The files that are the job's alone: all but stored references."""
    return [role for role in Role if job.file(role).key == upload_key(job.id, role)]


def _failed(job: Job, since: float, tenant: str | None) -> bool:
    if job.state is not State.FAILED or job.error is None or tenant not in (None, job.tenant):
        return False
    return job.error.category is ErrorCategory.SERVICE and job.times[State.FAILED] >= since


def _etag(file: AudioFile) -> str:
    if file.etag is None:
        raise NotReplayable("its files were never looked at")
    return file.etag


@contextmanager
def _as_it_was(file: AudioFile) -> Iterator[None]:
    """A call for the very object that the job had. Raises NotReplayable where it is there no more."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in GONE:
            raise NotReplayable("its audio is not kept any more") from None
        if code in CHANGED:
            raise NotReplayable(f"{file.key} is not what it was when the job started") from None
        raise
