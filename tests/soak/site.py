"""Where a soak happens: two workers on one pool, the gateway that they reach AWS through, and every fault there is."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from api import starting
from api.enqueue import enqueue
from shared import items
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS
from shared.errors import AlreadyEnded
from shared.job import Job
from shared.object_keys import result_key
from shared.states import State
from tests.aws_faults import BROKEN, THROTTLED, Cut, InPart, Late, Lost
from tests.aws_faults import Fault as AwsFault
from tests.cloud import Cloud, Resources, fresh
from tests.faulty_gateway import FaultyGateway, faulty_gateway
from tests.soak.plan import Fault, Kind, PlannedJob
from tests.worker_process import GivenJobs, WorkerProcess, worker

HOSTS = ("host-a", "host-b")
SETTINGS = {"seats": "2", "hold_seconds": "0.3", "drain_seconds": "5"}
FALSE_HASH = "0" * 64
GONE_SECONDS = 10
STARTERS = 4


@dataclass
class Site:
    """Everything that a fault may touch."""

    jobs: GivenJobs
    gateway: FaultyGateway
    workers: dict[str, WorkerProcess]
    licence_lost: Path
    chance: random.Random
    started: list[tuple[PlannedJob, Job]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # what no promise allows, seen on the way
    killed: set[str] = field(default_factory=set)  # the keys that attempts would have put their results to

    def create(self, burst: Iterable[PlannedJob]) -> list[tuple[PlannedJob, Job]]:
        """Jobs that are ready to be started."""
        with ThreadPoolExecutor(STARTERS) as threads:
            created = list(threads.map(self._create, burst))
        self.started += created
        return created

    def start(self, burst: Iterable[tuple[PlannedJob, Job]]) -> None:
        """Start jobs, faster than they are scored; those that their owner does not want are cancelled then."""
        with ThreadPoolExecutor(STARTERS) as threads:
            list(threads.map(lambda created: starting.start(self.jobs.service, created[1]), burst))
        for job in (job for planned, job in burst if planned.kind is Kind.UNWANTED):
            with suppress(AlreadyEnded):
                self.jobs.service.jobs.cancel(self.jobs.now(job))

    def _create(self, planned: PlannedJob) -> tuple[PlannedJob, Job]:
        sha256 = FALSE_HASH if planned.kind is Kind.FALSE_HASH else None
        return planned, self.jobs.create(planned.order, sha256, batch=planned.batch)

    def strike(self, fault: Fault) -> str:
        """Let it happen; what happened to whom."""
        host = self.chance.choice(HOSTS)
        strikes: dict[Fault, Callable[[], str]] = {
            Fault.WORKER_KILLED: lambda: self._kill_worker(host),
            Fault.SEAT_KILLED: lambda: self._kill_child(host, "worker.seat_child"),
            Fault.MEASURING_KILLED: lambda: self._kill_child(host, "spawn_main"),
            Fault.RESTARTED: lambda: self._restart(host, signals=1),
            Fault.HURRIED: lambda: self._restart(host, signals=2),
            Fault.FROZEN: lambda: self._freeze(host),
            Fault.ERRORS: lambda: self._trouble(THROTTLED, BROKEN),
            Fault.ANSWERS_LOST: lambda: self._trouble(Lost(), Cut()),
            Fault.SLOW: lambda: self._trouble(Late(0.3), Late(1.0)),
            Fault.GONE: self._gone,
            Fault.IN_PART: self._in_part,
            Fault.DUPLICATES: self._duplicate,
            Fault.LICENCE_FLAPS: self._flap,
        }
        told = strikes[fault]()
        self.gateway.show_swallowed()
        return told

    def let_time_pass(self, host: str) -> None:
        """A minute and a half for what a host that does nothing has in hand: its claims end, its messages are seen."""
        for job in self.running_on(host):
            self.jobs.age_claim(job, CLAIM_SECONDS + GRACE_SECONDS)
        self.gateway.show(host)

    def running_on(self, host: str) -> list[Job]:
        """The jobs whose claim is that host's."""
        return [job for job in self._all_jobs() if job.state is State.RUNNING and job.host == host]

    def not_ended(self) -> int:
        """How many jobs have not ended."""
        return sum(not job.ended for job in self._all_jobs())

    def drain(self) -> None:
        """End both workers; from here on whatever is claimed is claimed by nobody."""
        for process in self.workers.values():
            process.signal(signal.SIGTERM)
        for host in HOSTS:
            self._ended(host)
            self.let_time_pass(host)

    def begin_again(self) -> None:
        """Start both workers."""
        for process in self.workers.values():
            process.start()

    def _kill_worker(self, host: str) -> str:
        process = self.workers[host]
        children, had = process.children(), self.running_on(host)
        process.kill()
        self.killed |= {result_key(job.id, job.attempt) for job in [*had, *self.running_on(host)]}
        left = psutil.wait_procs(children, timeout=GONE_SECONDS)[1]
        self.wrong += [f"{host} was killed and left {child.name()} ({child.pid})" for child in left]
        self.let_time_pass(host)
        process.start()
        return f"{host}, with {len(had)} jobs in hand"

    def _kill_child(self, host: str, command: str) -> str:
        found = [child for child in self.workers[host].children() if command in _command(child)]
        for child in found[:1]:
            child.kill()
        return f"{host}, process {found[0].pid if found else 'none'}"

    def _restart(self, host: str, signals: int) -> str:
        for _ in range(signals):
            self.workers[host].signal(signal.SIGTERM)
        self._ended(host)
        self.let_time_pass(host)  # a hurried one may have left a claim
        self.workers[host].start()
        return host

    def _ended(self, host: str) -> None:
        if code := self.workers[host].wait():
            self.wrong.append(f"{host} ended with exit code {code}")

    def _freeze(self, host: str) -> str:
        self.workers[host].signal(signal.SIGSTOP)
        had = self.running_on(host)
        self.let_time_pass(host)
        time.sleep(self.chance.uniform(1, 3))  # for the other worker to overtake it
        self.workers[host].signal(signal.SIGCONT)
        return f"{host}, with {len(had)} jobs in hand"

    def _trouble(self, *faults: AwsFault) -> str:
        share, seconds = self.chance.uniform(0.05, 0.3), self.chance.uniform(1, 4)
        for fault in faults:
            self.gateway.inject(fault, times=float("inf"), share=share / len(faults))
        time.sleep(seconds)
        self.gateway.calm()
        return f"{share:.0%} of all calls, {seconds:.1f} s"

    def _gone(self) -> str:
        seconds = self.chance.uniform(1, 5)
        self.gateway.shut()
        time.sleep(seconds)
        self.gateway.open()
        return f"{seconds:.1f} s"

    def _in_part(self) -> str:
        self.gateway.inject(InPart(), "sqs.DeleteMessageBatch", times=5)
        return "the next 5"

    def _duplicate(self) -> str:
        chosen = self.chance.choices([job for _, job in self.started[-100:]], k=20)
        for job in chosen:
            enqueue(self.jobs.service, job)
        return f"{len(chosen)} copies"

    def _flap(self) -> str:
        times = self.chance.randint(3, 12)
        for _ in range(times):
            self.licence_lost.touch()
            time.sleep(self.chance.uniform(0.05, 0.3))
            self.licence_lost.unlink()
            time.sleep(self.chance.uniform(0.05, 0.2))
        return f"{times} times"

    def _all_jobs(self) -> Iterator[Job]:
        pages = self.jobs.service.dynamodb.get_paginator("scan").paginate(
            TableName=self.jobs.resources.table,
            ConsistentRead=True,
            FilterExpression="sk = :job",
            ExpressionAttributeValues=items.pack({":job": "JOB"}),
        )
        for page in pages:
            yield from (Job.model_validate(items.unpack(item)) for item in page["Items"])


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just died
        return ""


@contextmanager
def site(cloud: Cloud, directory: Path, seed: int) -> Iterator[Site]:
    """Two workers that are ready, on resources of their own."""
    resources: Resources = fresh(cloud)
    with ExitStack() as stack:
        gateway = stack.enter_context(faulty_gateway(cloud, seed))
        workers = {
            host: stack.enter_context(worker(gateway.before(resources), directory / host, host=host, **SETTINGS))
            for host in HOSTS
        }
        chance = random.Random(f"site {seed}")  # noqa: S311 - chance, not a secret
        yield Site(GivenJobs(resources), gateway, workers, directory / "licence-lost", chance)
