"""A worker in simulated time: pollers, places, the fetch stage and seats, by the rules of the real one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import simpy

from bench.simulation.jobs import Job
from bench.simulation.lanes import Lanes
from bench.simulation.places import Places
from shared.pools import Lane
from worker.messages import MOST_AT_ONCE
from worker.poller import BRIEF_SECONDS
from worker.settings import POLL_SECONDS

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Host:
    """A host as it is set up, and two times of its worker: from a message to its job being ready, and between runs."""

    seats: int
    prefetch: int
    lead_seconds: float = 0.0
    gap_seconds: float = 0.0


class Worker:
    """One process, from its start until it is killed; `ended` is called at the end of each job."""

    def __init__(self, env: simpy.Environment, lanes: Lanes, host: Host, ended: Callable[[], None]) -> None:
        self._env = env
        self._lanes = lanes
        self._host = host
        self._ended = ended
        self._places = Places(env, host.seats + host.prefetch)
        self._in_hand: dict[Job, None] = {}  # in order, so that one seed gives one day
        self._numbers = count()
        self._ready = simpy.PriorityStore(env)
        loops = [*(self._poll(lane) for lane in Lane), *(self._score() for _ in range(host.seats))]
        self._loops = [env.process(_until_killed(loop)) for loop in loops]

    def kill(self) -> list[Job]:
        """End it at once; the jobs that it had in hand."""
        for loop in self._loops:
            loop.interrupt()
        return list(self._in_hand)

    def _poll(self, lane: Lane) -> Steps:
        """`worker.poller`: a lane that had messages is asked with places, one that had none without."""
        more = False
        while True:
            if more:
                reserved = yield from self._places.reserve(lane, MOST_AT_ONCE)
                jobs = yield from self._receive(lane, reserved, BRIEF_SECONDS)
            else:
                yield from self._places.reserve(lane, 0)
                jobs = yield from self._receive(lane, 1, BRIEF_SECONDS if self._in_hand else POLL_SECONDS)
                reserved = (yield from self._places.reserve(lane, 1)) if jobs else 0
            self._places.fill(lane, reserved, len(jobs))
            for job in jobs:
                self._fetch(job)
            more = bool(jobs)

    def _receive(self, lane: Lane, most: int, wait_seconds: float) -> Generator[simpy.Event, Any, list[Job]]:
        jobs = self._lanes.take(lane, most)
        if not jobs:
            asked = self._lanes.ask(lane)
            try:
                yield asked | self._env.timeout(wait_seconds)
            except simpy.Interrupt:
                self._lanes.withdraw(lane, asked)
                raise
            if asked.job:
                jobs = [asked.job]
            else:
                self._lanes.withdraw(lane, asked)
        self._in_hand.update(dict.fromkeys(jobs))
        return jobs

    def _fetch(self, job: Job) -> None:
        """Claim it, fetch it and hand it on: interactive jobs first. What a dead worker hands on nobody takes."""

        def hand_on(_: simpy.Event) -> None:
            self._ready.put((job.lane is Lane.BULK, next(self._numbers), job))

        self._env.timeout(self._host.lead_seconds).callbacks.append(hand_on)

    def _score(self) -> Steps:
        while True:
            *_, job = yield self._ready.get()
            job.begun = self._env.now
            yield self._env.timeout(job.seconds)
            job.ended = self._env.now
            del self._in_hand[job]
            self._places.release()
            self._ended()
            yield self._env.timeout(self._host.gap_seconds)


def _until_killed(loop: Steps) -> Steps:
    with suppress(simpy.Interrupt):
        yield from loop
