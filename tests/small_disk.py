"""A worker with one of its directories on a small disk of its own, so that it can be filled for real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cloud import Resources
from tests.worker_process import WorkerProcess

# A file system in memory that nobody else sees; whoever is not root is root within a user namespace: unshare(1).
_APART = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
_MOUNT = 'mount -t tmpfs -o "size=$1" mosaic "$2" && shift 2 && exec "$@"'


class SmallDisk:
    """The disk of a worker that runs."""

    def __init__(self, process: WorkerProcess, directory: Path) -> None:
        assert process.process
        self.process = process
        self._root = Path(f"/proc/{process.process.pid}/root{directory}")  # as the worker sees it: proc(5)

    def fill(self, leave_bytes: int = 0) -> None:
        """Use it up."""
        with (self._root / "filler").open("wb", buffering=0) as filler:
            free = os.statvfs(self._root)
            os.posix_fallocate(filler.fileno(), 0, free.f_bavail * free.f_frsize - leave_bytes)

    def clear(self) -> None:
        """Make room again."""
        (self._root / "filler").unlink()

    def files(self) -> list[str]:
        """Every file and directory there, whatever comes and goes meanwhile."""
        found = [Path(walked, name) for walked, within, files in os.walk(self._root) for name in (*within, *files)]
        return sorted(str(path.relative_to(self._root)) for path in found)


@contextmanager
def worker_on_small_disk(
    resources: Resources, directory: Path, part: str, size_bytes: int, **settings: str
) -> Iterator[SmallDisk]:
    """A worker that is ready, its `work` or `state` on a disk of that size; skips where there can be none."""
    mounted = directory / part
    mounted.mkdir(parents=True)
    apart = [*_APART, "sh", "-c", _MOUNT, "sh", str(size_bytes), str(mounted)]
    try:
        subprocess.run([*apart, "true"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"this machine lets nobody mount a small disk: {error}")
    process = WorkerProcess(resources, directory, **settings)
    process.command = [*apart, sys.executable, "-m", "worker"]
    try:
        process.start()
        yield SmallDisk(process, mounted)
    finally:
        process.end()
