"""The screen while a job is made: bars for the two files and one line for the job, drawn live on a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, DownloadColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from mosaic.errors import MosaicError, ServerError, Unreachable
from mosaic.models import Job, Role
from mosaic.progress import Progress, Step
from mosaic.standing import Standing

_DONE = {Step.HASHING: "hashed", Step.UPLOADING: "uploaded"}


class Screen:
    """Draws how far a job is. Where `console` is no terminal, it draws nothing and only remembers.

    `job` is the job as last heard of, `uploaded` whether its files are with the service.
    """

    def __init__(self, console: Console) -> None:
        self.job: Job | None = None
        self.uploaded = False
        self._standing = Standing()
        self._files = Bars(
            TextColumn("{task.fields[role]:<10}"),
            TextColumn("{task.description:<10}", style="dim"),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            DownloadColumn(),
            console=console,
            expand=True,
        )
        self._line = Bars(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", table_column=Column(ratio=1)),
            TimeElapsedColumn(),
            console=console,
            expand=True,
        )
        self._tasks: dict[Role, TaskID] = {}
        self._status = self._line.add_task("preparing", total=None)
        # The empty line at the end is where a terminal echoes ^C; elsewhere it would break the last line in two.
        drawing = Group(Padding(Group(self._files, self._line), (0, 1)), Text())
        self._live = Live(drawing, console=console, transient=True)
        self._drawn = console.is_terminal

    def __enter__(self) -> Self:
        if self._drawn:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._live.stop()

    def on_progress(self, progress: Progress) -> None:
        """Move a file's bar."""
        whole = progress.done >= progress.total
        self._files.update(
            self._task(progress.role),
            description=_DONE[progress.step] if whole else progress.step,
            completed=progress.done,
            total=progress.total,
        )
        if self.job:
            self.on_job(self.job)  # whatever hindered it before, it moves

    def on_job(self, job: Job) -> None:
        """Say where the job stands."""
        self.job = job
        self._line.update(self._status, description=self._standing.words(job, uploaded=self.uploaded))

    def on_retry(self, failure: MosaicError) -> None:
        """Say that nothing moves, and why, until something moves."""
        if isinstance(failure, Unreachable | ServerError):
            trouble = "cannot be reached" if isinstance(failure, Unreachable) else "does not work"
            self._line.update(self._status, description=f"the service {trouble}; trying again")

    def on_uploaded(self, job: Job) -> None:
        """Say that all of the job's files are with the service."""
        self.uploaded = True
        self.on_job(job)

    def _task(self, role: Role) -> TaskID:
        if role not in self._tasks:
            self._tasks[role] = self._files.add_task("", role=role.value)
        return self._tasks[role]
