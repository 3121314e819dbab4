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

Steps = Generator[simpy.Event, Any, None]
Receive = Generator[simpy.Event, Any, list[Job]]


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
        """A lane to which nothing comes is not polled: that would change nothing, and takes time."""
        self._env = env
        self._lanes = lanes
        self._host = host
        self._ended = ended
        self._places = Places(env, host.seats + host.prefetch)
        self._in_hand: dict[Job, None] = {}  # in order, so that one seed gives one day
        self._numbers = count()
        self._ready = simpy.PriorityStore(env)
        loops = [*(self._poll(lane) for lane in lanes.used), *(self._score() for _ in range(host.seats))]
        self._loops = [env.process(_until_killed(loop)) for loop in loops]

    def kill(self) -> list[Job]:
        """End it at once; the jobs that it had in hand."""
        for loop in self._loops:
            loop.interrupt()
        return list(self._in_hand)

    def _poll(self, lane: Lane) -> Steps:
        """`worker.poller`, but that what waits for a place for long does not go back."""
        while True:
            most = yield from self._places.wait(lane)
            for job in (yield from self._receive(lane, min(most, MOST_AT_ONCE))):
                yield from self._places.take(lane)
                self._fetch(job)

    def _receive(self, lane: Lane, most: int) -> Receive:
        """Poll after poll, until there is a job, or a poll ends while no place is free."""
        jobs = self._lanes.take(lane, most)
        if not jobs:
            with self._lanes.asking(lane) as asked:
                while not asked.job:
                    yield asked | self._places.until_none_free()
                    if not asked.job:
                        yield asked | self._env.timeout(BRIEF_SECONDS / 2)  # what is left of a poll, on average
                        if self._places.none_free:
                            break
            jobs = [asked.job] if asked.job else []
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
