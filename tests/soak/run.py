"""One soak: the plan is carried out, everything is brought to its end, and the verdict is read from what is there."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shared.job import Job
from shared.states import State
from tests.cloud import Cloud
from tests.faults.aftermath import Aftermath, aftermath, wait_empty
from tests.soak import plan
from tests.soak.plan import EXHAUSTED, Kind, PlannedJob, Step
from tests.soak.site import Site, site

Tell = Callable[[str], None]

ROUNDS = 3  # of a last stretch: drained, a minute and a half, started again
ROUND_SECONDS = 60.0
SHOW_SECONDS = 2.0
EMPTY_SECONDS = 30


@dataclass(frozen=True)
class Verdict:
    """What became of it all."""

    seed: int
    seconds: float
    kinds: dict[Kind, int]
    faults: Counter[str]
    calls: Counter[str]
    struck: Counter[str]
    ends: Counter[str]
    attempts: Counter[int]
    exhausted_by_faults: int  # jobs that were well, and lost three begun attempts to faults: as promised
    results_of_killed: int  # objects of attempts that were killed before they could commit: the janitor's
    ended_wrong: list[str]
    unforeseen: list[str]  # errors in the workers' logs that nobody foresaw
    wrong: list[str]  # seen on the way
    aftermath: Aftermath

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not (self.ended_wrong or self.unforeseen or self.wrong or self.aftermath.broken)


def soak(cloud: Cloud, directory: Path, jobs: int, seed: int, tell: Tell) -> Verdict:
    """Start so many jobs amid faults, and see them all to their end."""
    began = time.monotonic()
    steps = list(plan.steps(jobs, seed, directory / "licence-lost"))
    with site(cloud, directory, seed) as where:
        tell(f"seed {seed}: {jobs} jobs in {len(steps)} steps, 2 workers with 2 seats each")
        for number, step in enumerate(steps, 1):
            tell(f"{number:>3}/{len(steps)}  {carry_out(where, step)}")
        bring_to_end(where, tell)
        return _verdict(where, steps, seed, time.monotonic() - began)


def carry_out(where: Site, step: Step) -> str:
    """Start the jobs of a step, and let its fault strike amid them; what happened."""
    created = where.create(step.jobs)
    with ThreadPoolExecutor(1) as beside:
        burst = beside.submit(where.start, created)
        time.sleep(where.chance.uniform(0, 1))  # it may strike anywhere in the burst
        what = where.strike(step.fault)
        burst.result()
    return f"{len(step.jobs):>2} jobs, {step.fault}: {what}"


def bring_to_end(where: Site, tell: Tell) -> None:
    """See every job to its end, without faults.

    A claim that a fault left to nobody is dead after a minute and a half. What is still claimed after a drain is in
    nobody's hand: there that time may be let pass for all.
    """
    for number in range(1, ROUNDS + 1):
        where.drain()
        left = where.not_ended()
        where.begin_again()
        tell(f"drained and started again, {left} jobs to go")
        if _all_end(where):
            break
        tell(f"after round {number}: {where.not_ended()} jobs have not ended")
    where.gateway.show()
    wait_empty(where.jobs, EMPTY_SECONDS)
    where.drain()


def _all_end(where: Site) -> bool:
    deadline = time.monotonic() + ROUND_SECONDS
    while where.not_ended() and time.monotonic() < deadline:
        time.sleep(SHOW_SECONDS)
        where.gateway.show()  # what was put back for a while is seen at once; what is in hand is seen once more
    return not where.not_ended()


def _verdict(where: Site, steps: list[Step], seed: int, seconds: float) -> Verdict:
    found = aftermath(where.jobs, [job for _, job in where.started], where.workers.values())
    of_killed, found.uncommitted = _parted(found.uncommitted, where.killed)
    ended = [(planned, where.jobs.now(job)) for planned, job in where.started]
    exhausted = [job for planned, job in ended if _exhausted_by_faults(planned, job)]
    astray = [(planned, job) for planned, job in ended if not planned.ended_right(job) and job not in exhausted]
    return Verdict(
        seed=seed,
        seconds=seconds,
        kinds=plan.count_kinds([planned for planned, _ in where.started]),
        faults=Counter(step.fault.value for step in steps),
        calls=where.gateway.calls,
        struck=where.gateway.struck,
        ends=Counter(_end(job) for _, job in ended),
        attempts=Counter(job.attempt for _, job in ended),
        exhausted_by_faults=len(exhausted),
        ended_wrong=[f"{job.id}, {planned.kind}: {_end(job)}" for planned, job in astray],
        unforeseen=list(unforeseen(process.log for process in where.workers.values())),
        wrong=where.wrong,
        results_of_killed=len(of_killed),
        aftermath=found,
    )


def _parted(keys: list[str], of: set[str]) -> tuple[list[str], list[str]]:
    return [key for key in keys if key in of], [key for key in keys if key not in of]


def _exhausted_by_faults(planned: PlannedJob, job: Job) -> bool:
    return planned.kind in (Kind.QUICK, Kind.LICENSED, Kind.UNWANTED) and _end(job) == f"failed: {EXHAUSTED}"


def _end(job: Job) -> str:
    return f"{job.state}: {job.error.code}" if job.state is State.FAILED and job.error else str(job.state)


def unforeseen(logs: Iterable[Path]) -> Iterator[str]:
    """The exceptions in the workers' logs. Lines that are none of theirs are a dying seat's."""
    for log in logs:
        for line in log.read_text().splitlines():
            told = json.loads(line) if line.startswith("{") else {}
            if "exception" in told:
                yield f"{told['event']}: {told['exception'][0]['exc_type']}: {told['exception'][0]['exc_value']}"
