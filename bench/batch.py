"""`python -m bench.batch`: a batch is created, uploaded and started over HTTP, and what that costs as it grows."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import httpx
import typer
from mosaic import Job
from rich.console import Console

from bench import report
from bench.api import ANSWER_SECONDS, Api, api
from bench.audio import noise
from bench.engine import MODE
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from bench.service import AUDIO_SECONDS, Service, embedded_cloud
from bench.waiting import until_none
from shared.job_table import JobTable
from shared.resources import UPLOADS_QUEUE

A_CALL = 100  # items: as many as one takes
ADDING = 2  # calls at once: one is answered while the next one is on its way
AT_ONCE = 8  # uploads
LOOKS = (100, 1_000, 5_000, 10_000)  # items, when memory and times are looked at
GETS = 100  # at each look
MEGABYTE = 1_000_000


def main(
    items: Annotated[int, typer.Option(min=2 * LOOKS[0])] = LOOKS[-1],
    seconds: Annotated[float, typer.Option(min=0.5, help="Of each file, at 16 kHz; 170 s are 5.4 MB.")] = AUDIO_SECONDS,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Submit one batch, a file for each item against one stored reference; exit 1 where a number is missed.

    Its pairs a second are compared with the same file uploaded as often, as many at once, and nothing else: half of
    that before, half after. Both read it from the disk.
    """
    looks = [*(look for look in LOOKS if look < items), items]
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)):
        service, machine, audio = Service.fresh(), Machine(), Path(name, "audio.wav")
        audio.write_bytes(noise(seconds, MODE.reference_rates_hz[0]))
        with api(service, Path(name)) as reached:
            found = {**_measure(service, reached, looks, audio), **machine.figures()}
    title = f"A batch of {items:,} items of {seconds:g} s over HTTP, {AT_ONCE} uploads at once"
    sys.exit(0 if report.show(title, [found], json) else 1)


def _measure(service: Service, reached: Api, looks: Sequence[int], audio: Path) -> Round:
    reference = reached.store(audio.read_bytes())
    before = _bare(service, looks[-1] // 20, audio)
    found: dict[Figure, float] = {}
    with Submission(reached, reference, audio) as batch:
        for first, look in pairwise([0, *looks]):
            batch.submit(range(first, look))
            until_none(lambda: service.messages(UPLOADS_QUEUE))
            found |= _look(service, reached, batch.id, look)
        bare = statistics.mean([before, _bare(service, looks[-1] // 20, audio)])
        reached.call("POST", f"/v1/batches/{batch.id}/start")
        started = _seconds(lambda: until_none(batch.awaiting))
    return {
        **found,
        **_growths(found),
        Figure("MB after its start: the functions"): _memory(reached),
        Figure("pairs a second submitted"): looks[-1] / batch.seconds,
        Figure("files of that size a second, only uploaded"): bare,
        Figure("submitted against only uploaded", 2, Reach(least=0.8)): looks[-1] / batch.seconds / bare,
        Figure("jobs a second started"): looks[-1] / started,
    }


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


def _look(service: Service, reached: Api, batch: str, items: int) -> Round:
    """Memory, and how long a batch takes to be told, while nothing else is done; beside it, a read of the cloud's."""
    told_in = _median_ms(lambda: reached.call("GET", f"/v1/batches/{batch}"))
    read_in = _median_ms(lambda: JobTable(service.dynamodb, service.name).read({"pk": "none", "sk": "none"}))
    memory = _memory(reached)
    Console(stderr=True).print(f"[dim]{items:,} items: {memory:.1f} MB, {told_in:.1f} ms, a read {read_in:.1f} ms[/]")
    return {
        Figure(f"MB at {items:,} items: the functions"): memory,
        Figure(f"GET /v1/batches/{{id}} at {items:,} items, ms"): told_in,
        Figure(f"a read of the emulated table at {items:,} items, ms"): read_in,
    }


def _growths(found: Round) -> Round:
    """From the first look to the last."""
    memory, told_in, read_in = (list(found.values())[kind::3] for kind in range(3))
    return {
        Figure("memory, last look against the first", 2, Reach(most=1.1)): memory[-1] / memory[0],
        Figure("GET /v1/batches/{id}, last look against the first", 2, Reach(most=1.25)): told_in[-1] / told_in[0],
        Figure("a read of the emulated table, last look against the first", 2): read_in[-1] / read_in[0],
    }


def _bare(service: Service, count: int, audio: Path) -> float:
    """How often a second the file is posted into the bucket, as many times at once, and nothing else."""
    with httpx.Client(timeout=ANSWER_SECONDS) as http, ThreadPoolExecutor(AT_ONCE) as threads:

        def post(number: int) -> None:
            form = service.s3.generate_presigned_post(service.name, f"bare/{number}.wav")
            with audio.open("rb") as file:
                http.post(form["url"], data=form["fields"], files={"file": file}).raise_for_status()

        return count / _seconds(lambda: list(threads.map(post, range(count))))


def _memory(reached: Api) -> float:
    return float(reached.process.memory_info().rss) / MEGABYTE


def _median_ms(call: Callable[[], object]) -> float:
    return statistics.median(_seconds(call) for _ in range(GETS)) * 1000


def _seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


if __name__ == "__main__":
    typer.run(main)
