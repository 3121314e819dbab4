"""References kept on this host, so that the jobs of one reference fetch and measure it once.

A reference is kept by its tenant and the SHA-256 that was declared of it, wherever in the bucket it lies, and never
across tenants: the time that a job takes must tell nobody of another's files. What was declared is what a job asked
for. So a job is given the content of that hash even where the object that it named was replaced or removed after its
start: the cache has what was declared, and only a job that has to fetch the object learns that it is gone.

A file comes in once its hash was verified, and goes out, by hard links: it is whole or not there, a job keeps what it
was given though it be evicted meanwhile, and a job's directory is removed like any other. It is read-only, and one that
was written to all the same is never given out again.
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shared import logs
from shared.lives import HOUR

if TYPE_CHECKING:
    from shared.job import Job
    from worker.audio.measures import Measures

UNUSED_SECONDS = HOUR  # audio lives so long from the end of its job, and no longer here than in the bucket
LOOK_SECONDS = 60.0  # how often it is looked for what was unused for so long
MOST_FILES = 4096  # 2 GiB of recordings of 5 s at 48 kHz; of shorter ones, memory need not hold ever more
_READ_ONLY = 0o400

log = logs.get(__name__)


class Reference(NamedTuple):
    """A reference by what makes it the same: whose it is, and its SHA-256 in lower-case hexadecimal."""

    tenant: str
    sha256: str


def declared(job: Job) -> Reference | None:
    """The job's reference; None where no hash of it was declared, so that nobody knows it before it is there."""
    return Reference(job.tenant, job.reference.sha256) if job.reference.sha256 else None


@dataclass
class _Kept:
    path: Path
    bytes: int
    written_ns: int
    used_at: float
    measures: Measures | None = None

    def intact(self) -> bool:
        """Whether nobody wrote to it. Raises OSError where it is gone."""
        now = self.path.stat()
        return (now.st_size, now.st_mtime_ns) == (self.bytes, self.written_ns)


class ReferenceCache:
    """The references used last, `bound_bytes` and MOST_FILES of them at most; with a bound of 0, none.

    Files that were evicted while jobs have them are gone with those jobs, and do not count.
    """

    def __init__(self, directory: Path, bound_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`directory` is its own, and on the file system of the jobs' directories."""
        self._directory = directory
        self._bound = bound_bytes
        self._clock = clock
        self._kept: OrderedDict[Reference, _Kept] = OrderedDict()  # the longest unused first
        self._coming: dict[Reference, threading.Event] = {}
        self._numbers = itertools.count()
        self._bytes = self._hits = self._misses = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="references")

    def start(self) -> None:
        """Remove what an earlier worker left."""
        shutil.rmtree(self._directory, ignore_errors=True)
        self._thread.start()

    def stop(self) -> None:
        """Remove every file."""
        self._stopping.set()
        self._thread.join()
        self.evict()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def hits(self) -> int:
        """How many jobs were given a reference that was here, or that came in for another job."""
        return self._hits

    @property
    def misses(self) -> int:
        """How many jobs had to fetch a reference that could have been here."""
        return self._misses

    @property
    def bytes(self) -> int:
        """How many bytes are kept."""
        return self._bytes

    def provide(self, reference: Reference, target: Path, download: Callable[[], None]) -> None:
        """Put a reference at `target`: a read-only link to what is kept, or else what `download` puts there, verified.

        While it is downloaded for one job, another that needs it waits for that, and downloads it itself where that
        failed. Raises what `download` raises.
        """
        if not self._bound:
            download()
        elif coming := self._join(reference):
            coming.wait()
            self._give(reference, target, download)
        else:
            try:
                self._give(reference, target, download)
            finally:
                self._came(reference)

    def measures(self, reference: Reference) -> Measures | None:
        """The measures that were noted of a reference that is kept."""
        with self._lock:
            kept = self._kept.get(reference)
            return kept.measures if kept else None

    def note(self, reference: Reference, measures: Measures) -> None:
        """Keep the measures with a reference, where it is kept itself."""
        with self._lock:
            if kept := self._kept.get(reference):
                kept.measures = measures

    def evict(self, unused_seconds: float = 0) -> None:
        """Drop what was not used for so long: everything, if no time is given."""
        with self._lock:
            unused_since = self._clock() - unused_seconds
            for reference in [each for each, kept in self._kept.items() if kept.used_at <= unused_since]:
                self._drop(reference)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.evict(UNUSED_SECONDS)

    def _join(self, reference: Reference) -> threading.Event | None:
        """What to wait for while another job brings it in; None where none does, and others now wait for this one."""
        with self._lock:
            coming = self._coming.get(reference)
            if coming is None:
                self._coming[reference] = threading.Event()
            return coming

    def _came(self, reference: Reference) -> None:
        with self._lock:
            self._coming.pop(reference).set()

    def _give(self, reference: Reference, target: Path, download: Callable[[], None]) -> None:
        if not self._linked(reference, target):
            download()
            self._keep(reference, target)

    def _linked(self, reference: Reference, target: Path) -> bool:
        """Whether it was here, and is now at `target` too."""
        with self._lock:
            kept = self._kept.get(reference)
            if kept and _link_intact(kept, target):
                kept.used_at = self._clock()
                self._kept.move_to_end(reference)
                self._hits += 1
                return True
            if kept:
                self._drop(reference)
            self._misses += 1
            return False

    def _keep(self, reference: Reference, source: Path) -> None:
        """Keep a file that was verified, in place of those longest unused; a larger one than all may be is left."""
        try:
            source.chmod(_READ_ONLY)
            written = source.stat()
            with self._lock:
                if reference not in self._kept and written.st_size <= self._bound:
                    self._make_room(written.st_size)
                    self._take_in(reference, source, written)
        except OSError as error:  # the job has its file all the same
            log.warning("reference_not_kept", error=str(error))

    def _make_room(self, size: int) -> None:
        while self._bytes + size > self._bound or len(self._kept) >= MOST_FILES:
            self._drop(next(iter(self._kept)))

    def _take_in(self, reference: Reference, source: Path, written: os.stat_result) -> None:
        path = self._directory / f"{next(self._numbers)}.wav"
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path.hardlink_to(source)
        self._kept[reference] = _Kept(path, written.st_size, written.st_mtime_ns, self._clock())
        self._bytes += written.st_size

    def _drop(self, reference: Reference) -> None:
        kept = self._kept.pop(reference)
        self._bytes -= kept.bytes
        with suppress(OSError):
            kept.path.unlink()


def _link_intact(kept: _Kept, target: Path) -> bool:
    try:
        if kept.intact():
            target.hardlink_to(kept.path)
            return True
    except OSError as error:  # removed by somebody, or linked as often as the file system lets it be
        log.warning("reference_not_given", error=str(error))
    return False
