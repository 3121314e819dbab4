"""A worker as a process, as systemd or the sandbox starts it, and a service to give it jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from pydantic import JsonValue

from api import starting
from api.service import Service
from api.settings import ApiSettings
from sandbox.parts import pool_of
from sandbox.readiness import VARIABLE, Listener
from shared.hosts import Hosts, HostState
from shared.job import AudioFile, Job, Prepare, Role, new_job_id
from shared.job_table import JobTable, job_key
from shared.lives import UPLOAD_SECONDS
from shared.object_keys import upload_key
from shared.states import State
from tests.cloud import POOL, Resources
from tests.stand_ins.ordered_engine import NAME, ordered_wav

HOST = "host-a"
READY_SECONDS = 60
END_SECONDS = 60
LOOK_SECONDS = 0.05


class WorkerProcess:
    """One `python -m worker`; ended, and its children looked for, when its test ends."""

    def __init__(self, resources: Resources, directory: Path, **settings: str) -> None:
        """`settings` are `MOSAIC_*` without that; a name in capitals is a variable of its own."""
        self.directory = directory
        self.log = directory / "worker.log"
        self._environment = {
            **os.environ,
            **resources.cloud.environment,
            "AWS_ACCESS_KEY_ID": settings.get("host", HOST),  # by which the faulty gateway knows who calls
            "MOSAIC_TABLE": resources.table,
            "MOSAIC_BUCKET": resources.bucket,
            "MOSAIC_QUEUE_URLS": json.dumps(resources.queue_urls),
            "MOSAIC_POOL": POOL.name,
            "MOSAIC_POOLS": pools_of(settings.get("engine", NAME)),
            "MOSAIC_ENGINE": NAME,
            "MOSAIC_HOST": HOST,
            "MOSAIC_SEATS": "1",
            "MOSAIC_WORK_DIRECTORY": str(directory / "work"),
            "MOSAIC_STATE_DIRECTORY": str(directory / "state"),
            "MOSAIC_POLL_SECONDS": "1",
            **{name if name.isupper() else f"MOSAIC_{name.upper()}": value for name, value in settings.items()},
        }
        self.command = [sys.executable, "-m", "worker"]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> WorkerProcess:
        """Start it and wait until it is ready."""
        with Listener() as listener:
            self._spawn({VARIABLE: listener.address})
            listener.wait_ready(READY_SECONDS)
        return self

    def run_to_its_end(self) -> int:
        """Start one that is to end by itself; its exit code."""
        self._spawn({})
        return self.wait()

    def _spawn(self, more: dict[str, str]) -> None:
        with self.log.open("ab") as log:
            environment = {**self._environment, **more}
            self.process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker alone."""
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`."""
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Its exit code, once it has ended."""
        assert self.process
        return self.process.wait(seconds)

    def children(self) -> list[psutil.Process]:
        """Every process that it started, and theirs."""
        assert self.process
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def left_files(self) -> list[Path]:
        """What is left of jobs in its work directory."""
        work = self.directory / "work"
        return [path for path in work.iterdir() if path.name != "lock"] if work.exists() else []


def pools_of(engine: str) -> str:
    """The pool of the tests' queues, as one that is made for that engine."""
    return json.dumps([pool_of(engine).model_copy(update={"name": POOL.name}).model_dump(mode="json")])


@contextmanager
def worker(resources: Resources, directory: Path, **settings: str) -> Iterator[WorkerProcess]:
    """A worker that is ready."""
    directory.mkdir(exist_ok=True)
    process = WorkerProcess(resources, directory, **settings)
    try:
        yield process.start()
    finally:
        process.end()


def wait_host(resources: Resources, state: HostState, seconds: float = 60) -> None:
    """Until the one host of the pool tells that it is in that state."""
    hosts = Hosts(JobTable(resources.clients.dynamodb, resources.table))
    deadline = time.monotonic() + seconds
    while [host.state for host in hosts.alive(POOL.name)] != [state]:
        assert time.monotonic() < deadline, f"never told {state}"
        time.sleep(LOOK_SECONDS)


def wait_told(process: WorkerProcess, event: str, seconds: float = 60) -> None:
    """Until a worker's log has that event."""
    deadline = time.monotonic() + seconds
    while f'"event": "{event}"' not in process.log.read_text():
        assert time.monotonic() < deadline, f"never told {event}"
        time.sleep(LOOK_SECONDS)


class GivenJobs:
    """Jobs with their files in the bucket, started as the API starts them."""

    def __init__(self, resources: Resources) -> None:
        told = ApiSettings.model_validate(
            {
                "table": resources.table,
                "bucket": resources.bucket,
                "queue_urls": json.dumps(resources.queue_urls),
                "pools": json.dumps([POOL.model_dump(mode="json")]),
            }
        )
        clients = resources.clients
        self.service = Service(settings=told, dynamodb=clients.dynamodb, s3=clients.s3, sqs=clients.sqs)
        self.resources = resources

    def start(self, order: dict[str, JsonValue], sha256: str | None = None, batch: str | None = None) -> Job:
        """A queued job whose engine gets that order."""
        return starting.start(self.service, self.create(order, sha256, batch=batch))

    def create(
        self,
        order: dict[str, JsonValue],
        sha256: str | None = None,
        prepare: Prepare | None = None,
        batch: str | None = None,
    ) -> Job:
        """A job whose files are uploaded, and that was not started."""
        job_id, now = new_job_id(), time.time()
        files = {role: AudioFile(key=upload_key(job_id, role), sha256=sha256) for role in Role}
        job = Job(
            id=job_id,
            tenant="acme",
            times={State.AWAITING_UPLOAD: now},
            pool=POOL.name,
            engine=POOL.engine,
            mode="wb",
            reference=files[Role.REFERENCE],
            degraded=files[Role.DEGRADED].model_copy(update={"prepare": prepare}),
            upload_deadline=now + UPLOAD_SECONDS,
            batch=batch,
        )
        for role in Role:
            self.upload(job, role, order)
        return self.service.jobs.create(job)

    def upload(self, job: Job, role: Role, order: dict[str, JsonValue]) -> None:
        """Put one of its files."""
        self.service.s3.put_object(Bucket=self.resources.bucket, Key=job.file(role).key, Body=ordered_wav(order))

    def now(self, job: Job) -> Job:
        """The job as it stands."""
        return self.service.jobs.get(job.id)

    def wait_for(self, job: Job, *states: State, seconds: float = 40) -> Job:
        """The job once it is in one of these states. The store tells nobody, so it is asked again and again."""
        deadline = time.monotonic() + seconds
        while (now := self.now(job)).state not in states:
            assert time.monotonic() < deadline, f"still {now.state}, attempt {now.attempt}, after {seconds} s"
            time.sleep(LOOK_SECONDS)
        return now

    def wait_begun(self, job: Job, seconds: float = 40) -> None:
        """Until the table says that its attempt began: that is written beside the scoring."""
        deadline = time.monotonic() + seconds
        while (now := self.now(job)).begun_attempt != now.attempt:
            assert time.monotonic() < deadline, f"attempt {now.attempt} never began"
            time.sleep(LOOK_SECONDS)

    def wait_all(self, jobs: Iterable[Job], *states: State, seconds: float = 40) -> list[Job]:
        """All of them once each is in one of these states."""
        return [self.wait_for(job, *states, seconds=seconds) for job in jobs]

    def age_claim(self, job: Job, seconds: float) -> None:
        """Let the job's claim have ended so much earlier: what the time would do that a test does not have."""
        self.service.dynamodb.update_item(
            TableName=self.resources.table,
            Key={name: {"S": str(value)} for name, value in job_key(job.id).items()},
            UpdateExpression="SET claim_until = claim_until - :seconds",
            ExpressionAttributeValues={":seconds": {"N": str(seconds)}},
        )

    def counts(self, queue: str) -> tuple[int, int]:
        """Messages of a queue: to be seen, and in flight."""
        counted = self.service.sqs.get_queue_attributes(
            QueueUrl=self.resources.queue_urls[queue],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return int(counted["ApproximateNumberOfMessages"]), int(counted["ApproximateNumberOfMessagesNotVisible"])

    def results(self, job: Job) -> list[str]:
        """The result objects that there are for a job."""
        listing = self.service.s3.list_objects_v2(Bucket=self.resources.bucket, Prefix=f"results/{job.id}/")
        return [found["Key"] for found in listing.get("Contents", [])]
