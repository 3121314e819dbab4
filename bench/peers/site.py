"""One participant at work: its backlog, its processes, its notes."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import boto3

from bench import distant_cloud
from bench.audio import noise
from bench.distant_cloud import DISTANT, Received
from bench.engine import MODE
from bench.peers import command, environment
from bench.peers.group import Command, Group
from bench.peers.place import FILES, VARIABLE, Kind, Orders, Place
from bench.runs import Run
from bench.service import AUDIO_SECONDS, counts
from sandbox.cloud import REGION
from shared.resources import DAY, VISIBILITY

SEATS = 2


@dataclass(frozen=True)
class Work:
    """A backlog: what jobs are made of, and how many seconds of it each is.

    Whether AWS is far away; and whether peers' jobs have files too, as Mosaic's always do.
    """

    kind: Kind
    seconds: Sequence[float]
    distant: bool = False
    files: bool = False


class Site(ABC):
    """Made with its backlog in its queue, and nobody working on it yet."""

    queue_url: str

    def __init__(self, directory: Path, work: Work) -> None:
        directory.mkdir(parents=True)
        self.sqs = boto3.client("sqs")
        self.place = Place(directory)
        self.environment = {**os.environ, VARIABLE: str(directory)}
        self.jobs = self.put(work.seconds)
        bucket = self.bucket() if work.files else None
        self.place.give(Orders(work.kind, dict(zip(self.jobs, work.seconds, strict=True)), bucket))
        if work.distant:
            self.environment["AWS_ACCESS_KEY_ID"] = DISTANT

    @abstractmethod
    def put(self, seconds: Sequence[float]) -> list[str]:
        """Put so many jobs into the queue; their names."""

    def bucket(self) -> str | None:
        """Where jobs find files that they are to fetch, if they do so themselves."""
        return None

    @abstractmethod
    def commands(self) -> Sequence[Command]:
        """What to run."""

    def messages(self) -> tuple[int, int]:
        """How many its queue holds: to be seen, and in flight."""
        return counts(self.sqs, self.queue_url)

    def received(self) -> list[Received]:
        """Every receive that gave messages of its backlog."""
        return [note for note in distant_cloud.received() if note.queue == self.queue_url]

    def commits(self) -> Sequence[Run]:
        """Every time that a result became true. A peer's job leaves its result when it ends."""
        return self.place.ended()

    def start(self) -> Group:
        """Let work begin, on all seats."""
        return Group(self.commands(), self.environment, self.place.directory / "log.txt")


class BareSite(Site):
    """No queue at all: the jobs, divided among the seats."""

    queue_url = ""

    def put(self, seconds: Sequence[float]) -> list[str]:
        """There is no queue; the orders are all."""
        return _names(seconds)

    def commands(self) -> Sequence[Command]:
        """A process a seat."""
        return [[sys.executable, "-m", "bench.peers.bare", str(number), str(SEATS)] for number in range(SEATS)]


class PeerSite(Site):
    """A peer with a queue of its own, which hides and keeps messages for as long as Mosaic's lanes do."""

    def __init__(
        self, directory: Path, work: Work, module: str, commands: Sequence[Command], variables: Mapping[str, str]
    ) -> None:
        self._module, self._commands, self._variables = module, commands, variables
        super().__init__(directory, work)

    def put(self, seconds: Sequence[float]) -> list[str]:
        """By the peer's own client."""
        self.queue_url = self.sqs.create_queue(
            QueueName=f"peer-{uuid4().hex[:12]}",
            Attributes={"VisibilityTimeout": str(VISIBILITY), "MessageRetentionPeriod": str(10 * DAY)},
        )["QueueUrl"]
        self.environment |= {command.QUEUE: self.queue_url, **self._variables}
        jobs = _names(seconds)
        environment.ask(self._module, "put", self.environment, "\n".join(jobs))
        return jobs

    def bucket(self) -> str | None:
        """One with the same sound as Mosaic's jobs have."""
        s3, bucket = boto3.client("s3"), f"peer-{uuid4().hex[:12]}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        for file in FILES:
            s3.put_object(Bucket=bucket, Key=file, Body=noise(AUDIO_SECONDS, MODE.reference_rates_hz[0]))
        return bucket

    def commands(self) -> Sequence[Command]:
        """In the peers' environment."""
        return [[str(environment.PYTHON), "-m", *arguments] for arguments in self._commands]


def _names(seconds: Sequence[float]) -> list[str]:
    return [f"job-{number}" for number in range(len(seconds))]
