"""What is seen of a participant for some seconds, once all of its seats are at work on a backlog."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan
from pathlib import Path

import numpy as np

from bench import runs
from bench.peers.line_up import Participant
from bench.peers.place import Place
from bench.peers.site import SEATS, Site
from bench.peers.workload import Workload
from bench.runs import Run

BEGUN_SECONDS = 60.0  # for all seats to begin their first job
SETTLE_SECONDS = 0.5  # of the first jobs, in which things are loaded that are loaded once
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Seen:
    """How well the seats were used.

    `work` is how many seconds of jobs, by their orders, were done in a second of a seat: where jobs need CPU that
    others take from them it is less than `use`, the share of the time in which jobs ran. Gaps are in seconds, nan
    where there was none. `waiting` is how many jobs had been received and not begun: on average, and at most.
    """

    use: float
    work: float
    gap_p50: float
    gap_p95: float
    waiting: float
    waiting_most: float


def measure(participant: Participant, workload: Workload, directory: Path, seconds: float) -> Seen:
    """Let one work for a while, from afresh, and end it. Raises TimeoutError where not all of its seats begin."""
    site = participant.site(directory, workload.backlog(seconds))
    group = site.start()
    try:
        _wait_begun(site)
        time.sleep(SETTLE_SECONDS)
        begin = time.monotonic()
        time.sleep(seconds)
    finally:
        group.kill()
    window = runs.within(all_runs(site.place), begin, begin + seconds)
    received = [(note.at, note.messages) for note in site.received()]
    waiting = levels([*received, *((run.begin, -1) for run in site.place.begun())], begin, begin + seconds)
    middle, high = np.percentile(runs.gaps(window) or [nan], [50, 95])
    use = runs.share(window, SEATS, seconds)
    return Seen(
        use=use,
        work=use * pace(site.place.ended(), site.place.orders.seconds),
        gap_p50=float(middle),
        gap_p95=float(high),
        waiting=sum(level * lasted for level, lasted in waiting) / seconds,
        waiting_most=max(level for level, _ in waiting),
    )


def all_runs(place: Place) -> list[Run]:
    """Every run that began, and where it has not ended, as one without an end."""
    ended = place.ended()
    known = {(run.seat, run.begin) for run in ended}
    return [*ended, *(run for run in place.begun() if (run.seat, run.begin) not in known)]


def pace(ended: Sequence[Run], ordered: Mapping[str, float]) -> float:
    """How many seconds of jobs, by their orders, were done in a second in which jobs ran; nan where none ended."""
    ran = sum(run.end - run.begin for run in ended)
    return sum(ordered[run.job] for run in ended) / ran if ran else nan


def _wait_begun(site: Site) -> None:
    deadline = time.monotonic() + BEGUN_SECONDS
    while len({run.seat for run in site.place.begun()}) < SEATS:
        if time.monotonic() > deadline:
            log = (site.place.directory / "log.txt").read_text()
            raise TimeoutError(f"not all seats began within {BEGUN_SECONDS:.0f} s. The log ends:\n{log[-2000:]}")
        time.sleep(LOOK_SECONDS)


def levels(changes: Sequence[tuple[float, int]], begin: float, end: float) -> list[tuple[int, float]]:
    """How high something stood, and for how many seconds each time, between two times, by its changes since ever."""
    inside = sorted((at, change) for at, change in changes if begin < at < end)
    level = sum(change for at, change in changes if at <= begin)
    found = []
    for (at, change), (later, _) in pairwise([(begin, 0), *inside, (end, 0)]):
        level += change
        found.append((level, later - at))
    return found
