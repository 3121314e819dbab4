"""The two queues of a pool: what waits in them, and who asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import simpy

from bench.simulation.jobs import Job
from shared.pools import Lane


class Asked(simpy.Event):
    """Happens once there is a job for whoever asked."""

    job: Job | None = None


class Lanes:
    """First in, first out. Of those who ask, the one that has asked for longest gets what comes.

    SQS keeps the order as well as it can (SQS Developer Guide, "Amazon SQS standard queues"), and picks any of them.
    """

    def __init__(self, env: simpy.Environment, used: Collection[Lane]) -> None:
        self.used = used
        self._env = env
        self._waiting: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}
        self._asking: dict[Lane, deque[Asked]] = {lane: deque() for lane in Lane}

    def put(self, job: Job) -> None:
        """A job's message is there."""
        if not self._given(job):
            self._waiting[job.lane].append(job)

    def put_back(self, job: Job) -> None:
        """A message that was received before is there again: it is older than all that wait."""
        if not self._given(job):
            self._waiting[job.lane].appendleft(job)

    def take(self, lane: Lane, most: int) -> list[Job]:
        """Up to so many of those that wait."""
        waiting = self._waiting[lane]
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    @contextmanager
    def asking(self, lane: Lane) -> Iterator[Asked]:
        """Ask for the next job that comes, for as long as the context lasts."""
        asked = Asked(self._env)
        self._asking[lane].append(asked)
        try:
            yield asked
        except simpy.Interrupt:
            if asked.job:  # it came in the very same moment, and is there again
                self.put_back(asked.job)
            raise
        finally:
            if not asked.job:
                self._asking[lane].remove(asked)

    def _given(self, job: Job) -> bool:
        if asking := self._asking[job.lane]:
            asked = asking.popleft()
            asked.job = job
            asked.succeed()
            return True
        return False
