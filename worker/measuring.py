"""The measuring process: one, of low priority, beside the seats."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from threading import Lock

from shared.job import Job, Role
from worker.engines.engine import EngineError, FailureClass
from worker.examine import become_measuring_process, examine
from worker.spawner import Spawner
from worker.work import Findings


class Measuring:
    """Examines files in a process of its own, started anew where it died."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._lock = Lock()

    def start(self) -> None:
        """Start the process; returns at once."""
        self._pool = self._spawner.spawn(_new_pool)

    def stop(self) -> None:
        """Let the process end; one that hangs ends with the spawner."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def examine(self, directory: Path, job: Job) -> Findings:
        """What is to be scored, and said, of a job's files.

        Raises EngineError: `bad_input` for what cannot be scored, `transient` where the process died of it.
        """
        prepares = {role: wanted for role in Role if (wanted := job.file(role).prepare)}
        pool = self._pool
        try:
            return pool.submit(examine, directory, job.mode, prepares).result()
        except BrokenProcessPool:
            self._renew(pool)
            message = "The measuring process died of this job's files."
            raise EngineError(FailureClass.TRANSIENT, "measuring_died", message) from None

    def _renew(self, broken: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is broken:
                broken.shutdown(wait=False)
                self._pool = self._spawner.spawn(_new_pool)


def _new_pool() -> ProcessPoolExecutor:
    """A pool whose one process was started by this thread, which must outlive it."""
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, spawn, become_measuring_process, (os.getpid(),))
    pool.submit(os.getpid)
    return pool
