"""Processes with the functions in them, each doing one thing, all at the same moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from api import service as service_module
from api.service import Service
from shared.job import new_job_id

if TYPE_CHECKING:
    from threading import Barrier

R = TypeVar("R")

MEET_SECONDS = 60.0

# Forked, so that fifty cost no fifty start-ups; they have the clock of this process, too, be it one that stands.
_FORKS = multiprocessing.get_context("fork")
_barrier: list[Barrier] = []


def together(parts: Service, calls: Sequence[Callable[[], R]]) -> list[R]:
    """What the calls give, each made in a process of its own, once all of them are ready. Raises what one raises.

    `api.service.service` gives each of them a service like this one, with connections of its own. Calls and what they
    give are pickled: functions of modules, and partials of these.
    """
    barrier = _FORKS.Barrier(len(calls))
    unused = service_module.make(parts.settings)  # no connection of a process that others were forked from is theirs
    with ProcessPoolExecutor(len(calls), _FORKS, _ready, (barrier, unused)) as processes:
        return [done.result() for done in [processes.submit(_meet, call) for call in calls]]


def _ready(barrier: Barrier, parts: Service) -> None:
    """A process that was called before: its connection to the table is open."""
    service_module._made[:] = [parts]
    parts.table.read({"pk": f"JOB#{new_job_id()}", "sk": "JOB"})
    _barrier.append(barrier)


def _meet(call: Callable[[], R]) -> R:
    """A process has one call at most: nobody passes before each has one."""
    _barrier[0].wait(MEET_SECONDS)
    return call()
