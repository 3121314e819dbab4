"""What must hold after every fault: each job one end, one committed result at most, and nothing left anywhere.

It is read from the table's stream, which holds every write there was, and not only from what the table says in the end.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from signal import SIGTERM
from typing import TYPE_CHECKING, cast

import boto3
import psutil

from shared import batch_counts, items
from shared.job import Job
from shared.pools import Lane
from shared.resources import DEAD_QUEUE, lane_queue
from shared.states import ENDS, TRANSITIONS, State
from tests.cloud import POOL, Resources
from tests.faulty_gateway import FaultyGateway
from tests.worker_process import LOOK_SECONDS, GivenJobs, WorkerProcess

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

QUEUES = (*(lane_queue(POOL.name, lane) for lane in Lane), DEAD_QUEUE)
EMPTY_SECONDS = 10  # for what has ended to be deleted
GONE_SECONDS = 10  # for the kernel to kill children, and for them to be reaped


@dataclass
class Aftermath:
    """Every promise that was broken: all of it is empty, or the worker has a defect."""

    lost: list[str] = field(default_factory=list)  # jobs that never ended
    ended_twice: list[str] = field(default_factory=list)
    committed_twice: list[str] = field(default_factory=list)
    without_result: list[str] = field(default_factory=list)  # jobs whose committed result is not there
    uncommitted: list[str] = field(default_factory=list)  # result objects that nobody committed
    miscounted: list[str] = field(default_factory=list)  # batches whose counts are not those of their jobs
    forbidden_changes: list[str] = field(default_factory=list)  # of state
    left_visible: list[str] = field(default_factory=list)  # queues
    left_invisible: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)  # processes
    left_files: list[str] = field(default_factory=list)

    @property
    def broken(self) -> dict[str, list[str]]:
        """What is not empty."""
        return {promise: found for promise, found in asdict(self).items() if found}


def end_well(
    jobs: GivenJobs,
    started: Sequence[Job],
    *workers: WorkerProcess,
    gateway: FaultyGateway | None = None,
    seconds: float = 60,
) -> list[Job]:
    """Wait until every job ended and every queue is empty, end the workers, and find no promise broken; the jobs.

    With a gateway, messages that were put back for long are seen at once, when every job has ended.
    """
    deadline = time.monotonic() + seconds
    for job in started:
        jobs.wait_for(job, *ENDS, seconds=max(deadline - time.monotonic(), 0))
    if gateway:
        gateway.show()
    wait_empty(jobs, max(deadline - time.monotonic(), EMPTY_SECONDS))
    end(workers)
    assert not (found := aftermath(jobs, started, workers)).broken, found.broken
    return [jobs.now(job) for job in started]


def wait_empty(jobs: GivenJobs, seconds: float) -> None:
    """Until no queue holds a message."""
    deadline = time.monotonic() + seconds
    while left := {queue: counts for queue in QUEUES if any(counts := jobs.counts(queue))}:
        assert time.monotonic() < deadline, f"messages left, visible and in flight: {left}"
        time.sleep(LOOK_SECONDS)


def end(workers: Iterable[WorkerProcess]) -> None:
    """Tell them all to end; each does, with exit code 0."""
    for worker in workers:
        worker.signal(SIGTERM)
    assert [worker.wait() for worker in workers] == [0 for _ in workers]


def aftermath(jobs: GivenJobs, started: Sequence[Job], workers: Iterable[WorkerProcess]) -> Aftermath:
    """What is broken, once every worker has ended. Jobs whose item is gone are left out of `started`."""
    found = Aftermath()
    _look_at_history(jobs.resources, found)
    for job in map(jobs.now, started):
        if not job.ended:
            found.lost.append(f"{job.id}: {job.state}, attempt {job.attempt}")
        results = jobs.results(job)
        found.without_result += [job.id] if job.result_key and job.result_key not in results else []
        found.uncommitted += [key for key in results if key != job.result_key]
    _look_at_batches(jobs, started, found)
    for queue in QUEUES:
        visible, invisible = jobs.counts(queue)
        found.left_visible += [queue] * visible
        found.left_invisible += [queue] * invisible
    for worker in workers:
        found.orphans += [f"{process.pid}: {process.name()}" for process in orphans(worker)]
        found.left_files += [str(path) for path in worker.left_files()]
    return found


def orphans(worker: WorkerProcess) -> list[psutil.Process]:
    """Processes that still are, of a worker that ended: whoever has its work directory in the environment."""
    theirs = [process for process in psutil.process_iter() if _works_in(process) == str(worker.directory / "work")]
    return psutil.wait_procs(theirs, timeout=GONE_SECONDS)[1]


def _works_in(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("MOSAIC_WORK_DIRECTORY")
    except psutil.Error:
        return None


def _look_at_batches(jobs: GivenJobs, started: Iterable[Job], found: Aftermath) -> None:
    states: dict[str, Counter[State]] = defaultdict(Counter)
    for job in started:
        if job.batch:
            states[job.batch][jobs.now(job).state] += 1
    for batch, right in states.items():
        counted = batch_counts.read(jobs.service.table, batch).states
        if +counted != right:
            found.miscounted.append(f"{batch}: {dict(counted)}, not {dict(right)}")


def _look_at_history(resources: Resources, found: Aftermath) -> None:
    ends: dict[str, int] = defaultdict(int)
    commits: dict[str, set[str]] = defaultdict(set)
    for before, after in history(resources):
        if before.state is not after.state and after.state not in TRANSITIONS[before.state]:
            found.forbidden_changes.append(f"{after.id}: {before.state} to {after.state}")
        ends[after.id] += after.ended and not before.ended
        if after.state is State.SUCCEEDED and after.result_key:
            commits[after.id].add(after.result_key)
    found.ended_twice += [job for job, count in ends.items() if count > 1]
    found.committed_twice += [job for job, keys in commits.items() if len(keys) > 1]


def history(resources: Resources) -> Iterator[tuple[Job, Job]]:
    """Every change of a job that there was, in order: the job before and after it."""
    arn = resources.clients.dynamodb.describe_table(TableName=resources.table)["Table"]["LatestStreamArn"]
    streams = boto3.client("dynamodbstreams", endpoint_url=resources.cloud.endpoint)
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    cursor = start["ShardIterator"]
    while (page := streams.get_records(ShardIterator=cursor))["Records"]:
        cursor = page["NextShardIterator"]
        for record in page["Records"]:
            before, after = record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage")
            if before and after and after["sk"] == {"S": "JOB"}:
                yield _job(before), _job(after)


def _job(image: object) -> Job:
    return Job.model_validate(items.unpack(cast("Mapping[str, AttributeValueTypeDef]", image)))
