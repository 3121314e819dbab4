"""A pool in simulated time: its hosts, its lanes, and what comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import simpy

from bench.simulation.jobs import Job
from bench.simulation.lanes import Lanes
from bench.simulation.worker import Host, Steps, Worker
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS

DEAD_SECONDS = CLAIM_SECONDS + GRACE_SECONDS  # at most: until the jobs of a worker that was killed may be claimed again


@dataclass(frozen=True)
class Outage:
    """A host, by its number, dies at a time and is back after so many seconds. What it had in hand is done anew."""

    host: int
    begin: float
    seconds: float


def work_off(jobs: Sequence[Job], host: Host, hosts: int, outages: Sequence[Outage] = ()) -> None:
    """Have so many hosts, all alike, score these jobs, to the last one; the jobs themselves say when they were."""
    Pool(jobs, host, hosts).run(outages)


class Pool:
    """Hosts that are all alike, the lanes that they poll, and the jobs that come."""

    def __init__(self, jobs: Sequence[Job], host: Host, hosts: int) -> None:
        self._env = simpy.Environment()
        self._lanes = Lanes(self._env, sorted({job.lane for job in jobs}))
        self._jobs = jobs
        self._left = len(jobs)
        self._done = self._env.event()
        self._host = host
        self._workers = [self._start() for _ in range(hosts)]

    def run(self, outages: Sequence[Outage]) -> None:
        """Until the last job has ended."""
        self._env.process(self._send())
        for outage in outages:
            self._env.process(self._lose(outage))
        self._env.run(until=self._done)

    def _start(self) -> Worker:
        return Worker(self._env, self._lanes, self._host, self._ended)

    def _ended(self) -> None:
        self._left -= 1
        if not self._left:
            self._done.succeed()

    def _send(self) -> Steps:
        for job in self._jobs:
            yield self._env.timeout(max(job.at - self._env.now, 0.0))
            self._lanes.put(job)

    def _lose(self, outage: Outage) -> Steps:
        yield self._env.timeout(outage.begin)
        for job in self._workers[outage.host].kill():
            self._env.process(self._bring_back(job))
        yield self._env.timeout(outage.seconds)
        self._workers[outage.host] = self._start()

    def _bring_back(self, job: Job) -> Steps:
        yield self._env.timeout(DEAD_SECONDS)
        self._lanes.put_back(job)
