"""`python -m bench.submission`: how fast a batch is submitted, against the same files uploaded and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import httpx
import psutil
import typer
from mosaic import Job

from bench import report
from bench.api import ANSWER_SECONDS, Api, api
from bench.audio import noise
from bench.engine import MODE
from bench.machine import Machine
from bench.process import cpu_seconds
from bench.report import Figure, Reach, Round
from bench.service import Service, embedded_cloud
from bench.waiting import until_none
from shared.object_keys import JOBS_PREFIX
from shared.resources import UPLOADS_QUEUE

AUDIO_SECONDS = 170.0  # of a file at 16 kHz: 5.4 MB, what a call of the daily load has
A_CALL = 100  # items: as many as one takes
ADDING = 2  # calls at once: one is answered while the next one is on its way
AT_ONCE = 8  # uploads
BARE_PREFIX = "bare/"
PROCESSES = ("the client", "the functions", "the emulator")
MEGABYTE = 1_000_000


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    files: Annotated[int, typer.Option(min=1, help="A round and way: so many are on the disk at most.")] = 200,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Submit a batch, a file for each item against one stored reference; and upload that file as often, nothing else.

    As many uploads go on at once in both, and each comes first in every other round. Exit 1 where pairs are submitted
    at less than 0.8 of the pace at which their files are only uploaded.
    """
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)) as cloud:
        service, audio = Service.fresh(), Path(name, "audio.wav")
        audio.write_bytes(noise(AUDIO_SECONDS, MODE.reference_rates_hz[0]))
        megabytes = audio.stat().st_size / MEGABYTE
        with api(service, Path(name)) as reached:
            processes = (psutil.Process(), reached.process, cloud)
            ways = [
                _Way(service, processes, BARE_PREFIX, lambda: upload_barely(service, audio, files)),
                _Way(service, processes, JOBS_PREFIX, lambda: _submit(reached, reference, audio, files)),
            ]
            reference = reached.store(audio.read_bytes())
            found = [_round(ways, files, turned=number % 2 == 1) for number in range(rounds)]
    title = f"{files} pairs a round, {megabytes:.1f} MB to upload for each, {AT_ONCE} uploads at once"
    sys.exit(0 if report.show(title, found, json) else 1)


@dataclass(frozen=True)
class _Cost:
    """Of one way, once, in seconds. `after` is how long intake took to catch up, `cpu` is each process's until then."""

    seconds: float
    after: float
    cpu: Sequence[float]


@dataclass(frozen=True)
class _Way:
    """How files get into the bucket, where they lie then, and who works for that."""

    service: Service
    processes: Sequence[psutil.Process]
    prefix: str
    go: Callable[[], float]

    def cost(self) -> _Cost:
        """Of going it once. What it leaves in the bucket is removed."""
        before = [cpu_seconds(process) for process in self.processes]
        seconds = self.go()
        after = seconds_of(lambda: until_none(lambda: self.service.messages(UPLOADS_QUEUE)))
        cpu = [cpu_seconds(process) - had for process, had in zip(self.processes, before, strict=True)]
        self.service.remove_objects(self.prefix)
        return _Cost(seconds, after, cpu)


def _round(ways: Sequence[_Way], files: int, *, turned: bool) -> Round:
    machine = Machine()
    costs = [way.cost() for way in (ways[::-1] if turned else ways)]
    bare, submitted = costs[::-1] if turned else costs
    more = [(mine - its) / files * 1000 for mine, its in zip(submitted.cpu, bare.cpu, strict=True)]
    return {
        Figure("pairs a second submitted"): files / submitted.seconds,
        Figure("files a second only uploaded"): files / bare.seconds,
        Figure("submitted against only uploaded", 2, Reach(least=0.8)): bare.seconds / submitted.seconds,
        Figure("until intake has seen the last one, s"): submitted.after,
        **{Figure(f"CPU a pair beyond its upload's, ms: {name}"): ms for name, ms in zip(PROCESSES, more, strict=True)},
        **machine.figures(),
    }


def _submit(reached: Api, reference: str, audio: Path, files: int) -> float:
    with Submission(reached, reference, audio) as batch:
        batch.submit(range(files))
        return batch.seconds


class Submission:
    """A batch that grows: items are added a hundred a call, and their files uploaded by the client."""

    def __init__(self, reached: Api, reference: str, audio: Path) -> None:
        self._api, self._reference, self._audio = reached, reference, audio
        self._mosaic = reached.mosaic()
        self._adding, self._uploading = ThreadPoolExecutor(ADDING), ThreadPoolExecutor(AT_ONCE)
        self.id = str(reached.call("POST", "/v1/batches", {})["id"])
        self.seconds = 0.0  # that submitting took so far

    def submit(self, numbers: range) -> None:
        """Add items of these numbers, and upload each one's file; its time is counted."""
        began = time.monotonic()
        calls = [numbers[first : first + A_CALL] for first in range(0, len(numbers), A_CALL)]
        added = (pair for call in self._adding.map(self._add, calls) for pair in call)
        for upload in [self._uploading.submit(self._upload, number, answer) for number, answer in added]:
            upload.result()
        self.seconds += time.monotonic() - began

    def awaiting(self) -> int:
        """How many of its jobs were not started yet."""
        return int(self._api.call("GET", f"/v1/batches/{self.id}")["counts"]["awaiting_upload"])

    def _add(self, numbers: range) -> list[tuple[int, dict[str, Any]]]:
        wanted = [{"custom_id": str(number), "reference": {"sha256": self._reference}} for number in numbers]
        answers = self._api.call("POST", f"/v1/batches/{self.id}/jobs", {"jobs": wanted})["jobs"]
        return list(zip(numbers, answers, strict=True))

    def _upload(self, number: int, answer: dict[str, Any]) -> None:
        if not answer["job"]:
            raise RuntimeError(f"item {number} was refused: {answer['problem']}")
        self._mosaic.upload(Job.from_document(answer["job"]), degraded=self._audio)

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        for threads in (self._adding, self._uploading):
            threads.shutdown(cancel_futures=True)
        self._mosaic.close()


def upload_barely(service: Service, audio: Path, files: int) -> float:
    """Post the file into the bucket so often, as many times at once, and do nothing else; the seconds that it takes."""
    forms = [service.s3.generate_presigned_post(service.name, f"{BARE_PREFIX}{number}") for number in range(files)]
    with httpx.Client(timeout=ANSWER_SECONDS) as http, ThreadPoolExecutor(AT_ONCE) as threads:

        def post(form: dict[str, Any]) -> None:
            with audio.open("rb") as file:
                http.post(form["url"], data=form["fields"], files={"file": file}).raise_for_status()

        return seconds_of(lambda: list(threads.map(post, forms)))


def seconds_of(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


if __name__ == "__main__":
    typer.run(main)
