"""How many seats, and hosts, a day's load takes, so that nobody waits for longer than was promised."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.simulation.jobs import Job, stream, waits
from bench.simulation.pool import work_off
from bench.simulation.table import Cell, Table, duration, number, tenths
from bench.simulation.terms import Terms, at_once
from shared.pools import Lane

DAY_HOURS = 24.0
HOUR = 3600.0
WAIT_SECONDS = 60.0  # that 95 % of the interactive jobs wait at most
SAMPLE = 20_000  # jobs of a load that is the same all day
WHOLE = 200_000  # jobs of a burst that are simulated as one pool; what is more is as many such pools
FINENESS = 0.01  # of the number of hosts

DAYS = (2_000, 6_000, 20_000, 60_000, 200_000, 600_000, 2_000_000)  # jobs


@dataclass(frozen=True)
class Goal:
    """When a day's jobs come, how many of them are interactive, and when all are to be done; times in hours.

    `use` is how much of the seats' time the work may take; where it comes all day, less than all of it, for no day is
    quite even.
    """

    name: str
    hours: float
    interactive: float
    done_hours: float | None = None
    use: float = 1.0

    def draw(self, terms: Terms, jobs_a_day: int) -> list[Job]:
        """The jobs, or some of them, where they come all day."""
        count = SAMPLE if self.hours == DAY_HOURS else jobs_a_day
        seconds = self.hours * HOUR * count / jobs_a_day
        return stream(terms.random(jobs_a_day), count, seconds, terms.lengths, self.interactive)

    def busy(self, jobs: Sequence[Job]) -> float:
        """How many seats these jobs take if none of the seats is ever idle until they are to be done."""
        window = jobs[-1].at + (WAIT_SECONDS if self.hours < DAY_HOURS else 0)
        return sum(job.seconds for job in jobs) / (self.done_hours * HOUR if self.done_hours else window)

    def met(self, jobs: Sequence[Job]) -> bool:
        """Whether these jobs, which are done, met it."""
        last = max(job.ended for job in jobs)
        return wait_p95(jobs) <= WAIT_SECONDS and (self.done_hours is None or last <= self.done_hours * HOUR)


EVENLY = Goal("evenly, all interactive", DAY_HOURS, 1.0, use=0.9)
MIXED = Goal("in one hour, a tenth interactive", 1, 0.1, done_hours=8)
BURST = Goal("in one hour, all interactive", 1, 1.0)
GOALS = (EVENLY, MIXED, BURST)


@dataclass(frozen=True)
class Need:
    """The fewest hosts for a goal, and how long the jobs then wait; `wait_p95` is that of the interactive ones."""

    hosts: int
    wait_p95: float


@dataclass(frozen=True)
class Question:
    """Of one goal, and one day's load."""

    terms: Terms
    goal: Goal
    jobs_a_day: int


def wait_p95(jobs: Sequence[Job]) -> float:
    """What 95 % of the interactive jobs waited at most, in seconds."""
    return float(np.percentile(waits(jobs, Lane.INTERACTIVE), 95))


def need(question: Question) -> Need:
    """The fewest hosts with which the goal is met by one pool."""
    terms, goal = question.terms, question.goal
    jobs = goal.draw(terms, question.jobs_a_day)
    least = goal.busy(jobs) / goal.use / terms.host.seats

    def met(hosts: int) -> bool:
        if hosts < least:
            return False
        work_off(jobs, terms.host, hosts)
        return goal.met(jobs)

    return as_one_pool(question, fewest(met, least))


def as_one_pool(question: Question, hosts: int) -> Need:
    """So many hosts, whether or not the goal is met with them."""
    jobs = question.goal.draw(question.terms, question.jobs_a_day)
    work_off(jobs, question.terms.host, hosts)
    return Need(hosts, wait_p95(jobs))


def fewest(met: Callable[[int], bool], about: float) -> int:
    """The smallest number from 1 on with which it is met, found from about there; of large ones one in 100 near it."""
    step = max(round(about * FINENESS), 1)
    least, most = 0, max(math.ceil(about), 1)
    while not met(most):
        least, most = most, most + max(round(most * 0.05), 1)
    if not least:
        least = max(math.floor(most * 0.9) - 1, 0)
    while most - least > step:
        middle = (least + most) // 2
        least, most = (least, middle) if met(middle) else (middle, most)
    return most


def ask(terms: Terms) -> dict[Question, Need]:
    """Every goal, for each of `DAYS`. A burst of more than `WHOLE` jobs is shared by pools of so many.

    One large pool would not need more: a job that may go to any host waits no longer than one that may go to some.
    """
    parts = {(goal, jobs): pools(goal, jobs) for goal in GOALS for jobs in DAYS}
    asked = {Question(terms, goal, jobs // count) for (goal, jobs), count in parts.items()}
    largest_first = sorted(asked, key=lambda question: (-question.jobs_a_day, question.goal.name))
    needs = dict(zip(largest_first, at_once(need, largest_first), strict=True))
    found: dict[Question, Need] = {}
    for (goal, jobs), count in parts.items():
        part = needs[Question(terms, goal, jobs // count)]
        found[Question(terms, goal, jobs)] = Need(part.hosts * count, part.wait_p95)
    return found


def pools(goal: Goal, jobs_a_day: int) -> int:
    """Among how many pools a day's jobs are shared here."""
    return 1 if goal.hours == DAY_HOURS else max(jobs_a_day // WHOLE, 1)


def largest(found: Mapping[Question, Need]) -> Table:
    """What was shared by pools, as one pool of as many hosts: the largest day of each goal. It takes minutes."""
    days = [(question, needed.hosts) for question, needed in found.items() if question.jobs_a_day == DAYS[-1]]
    shared = [(question, hosts) for question, hosts in days if pools(question.goal, question.jobs_a_day) > 1]
    needs = at_once(_as_one_pool, shared)
    rows: list[list[Cell]] = [
        [question.jobs_a_day, question.goal.name, needed.hosts, needed.wait_p95]
        for (question, _), needed in zip(shared, needs, strict=True)
    ]
    columns = {"jobs a day": number, "which come": number, "hosts": number, "interactive wait, p95": duration}
    return Table("The largest of these as one pool", columns, rows)


def _as_one_pool(of: tuple[Question, int]) -> Need:
    return as_one_pool(*of)


def table(found: Mapping[Question, Need]) -> Table:
    """A row for each day's load and goal."""
    rows: list[list[Cell]] = []
    for question, needed in sorted(found.items(), key=lambda item: (item[0].jobs_a_day, GOALS.index(item[0].goal))):
        terms, jobs = question.terms, question.jobs_a_day
        busy = jobs * terms.lengths.mean / DAY_HOURS / HOUR
        rows.append([jobs, question.goal.name, busy, needed.hosts * terms.host.seats, needed.hosts, needed.wait_p95])
    columns = {
        "jobs a day": number,
        "which come": number,
        "busy seats, on average": tenths,
        "seats": number,
        "hosts": number,
        "interactive wait, p95": duration,
    }
    return Table(
        f"The fewest hosts with which 95 % of interactive jobs wait {WAIT_SECONDS:.0f} s at most", columns, rows
    )
