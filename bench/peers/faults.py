"""What is done to a participant that works, and how long it is then watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from bench.peers.aftermath import Aftermath, aftermath
from bench.peers.group import Group
from bench.peers.place import Kind
from bench.peers.site import Site, Work
from shared.claims import CLAIM_SECONDS, GRACE_SECONDS
from shared.resources import VISIBILITY

JOBS = 40
JOB_SECONDS = 0.5
DONE_BEFORE = 10  # jobs, when the fault strikes
LONG_SECONDS = VISIBILITY + 10
STOPPED_SECONDS = max(VISIBILITY, CLAIM_SECONDS + GRACE_SECONDS) + 10  # past all that could be believed in
STOP_SECONDS = 90  # that a worker may take to end: systemd's DefaultTimeoutStopSec, systemd-system.conf(5)

BEGUN_SECONDS = 120.0
WATCHED_SECONDS = 150.0  # enough for a message to come again twice
QUIET_SECONDS = 3.0
LOOK_SECONDS = 0.2

Struck = tuple[float, list[Group]]  # when, and who is there to be ended


@dataclass(frozen=True)
class Fault:
    """Its name, what happens, and the seconds that each job takes."""

    name: str
    strike: Callable[[Site, Group], Struck]
    seconds: Sequence[float] = (JOB_SECONDS,) * JOBS

    @property
    def work(self) -> Work:
        """The backlog: sleep, so that many participants can be watched at once."""
        return Work(Kind.SLEEP, self.seconds)

    def watch(self, site: Site) -> Aftermath:
        """Let a participant work, let it happen, and see what comes of it. Raises TimeoutError."""
        first = site.start()
        groups: list[Group] = []
        try:
            _wait_ended(site, min(DONE_BEFORE, JOBS))
            since, groups = self.strike(site, first)
            _wait_settled(site, since + WATCHED_SECONDS)
        finally:
            for group in (first, *groups):
                group.kill()
        return aftermath(site.jobs, site.place.begun(), site.commits(), site.messages(), since)


def _killed(site: Site, group: Group) -> Struck:
    since = time.monotonic()
    group.kill()
    return since, [site.start()]


def _terminated(site: Site, group: Group) -> Struck:
    since = time.monotonic()
    group.terminate(STOP_SECONDS)
    return since, [site.start()]


def _stopped(site: Site, group: Group) -> Struck:
    since = time.monotonic()
    group.stop()
    other = site.start()
    time.sleep(STOPPED_SECONDS)  # the time itself is what this is about
    group.go_on()
    return since, [other]


def _left_alone(site: Site, group: Group) -> Struck:
    return min(run.begin for run in site.place.begun()), []


FAULTS = (
    Fault("kill -9 of all its processes, then started anew", _killed),
    Fault("SIGTERM, then started anew", _terminated),
    Fault(f"SIGSTOP for {STOPPED_SECONDS:.0f} s beside another worker, then SIGCONT", _stopped),
    Fault(
        f"one job of {LONG_SECONDS} s, visibility {VISIBILITY} s",
        _left_alone,
        (LONG_SECONDS, *(JOB_SECONDS,) * (JOBS - 1)),
    ),
)


def _wait_ended(site: Site, jobs: int) -> None:
    deadline = time.monotonic() + BEGUN_SECONDS
    while len(site.place.ended()) < jobs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{site.place.directory.name} did not do {jobs} jobs within {BEGUN_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _wait_settled(site: Site, deadline: float) -> None:
    """Until every job has a result, no message is left, and nobody works any more; at most until the deadline."""
    quiet = time.monotonic()
    while time.monotonic() < min(quiet + QUIET_SECONDS, deadline):
        if any(site.messages()) or _at_work(site) or {run.job for run in site.commits()} != set(site.jobs):
            quiet = time.monotonic()
        time.sleep(LOOK_SECONDS)


def _at_work(site: Site) -> bool:
    ended = {(run.seat, run.begin) for run in site.place.ended()}
    return any(_alive(run.seat) for run in site.place.begun() if (run.seat, run.begin) not in ended)


def _alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
