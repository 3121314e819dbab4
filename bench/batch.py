"""`python -m bench.batch`: a large batch over HTTP, and what it costs as it grows."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from bench import report
from bench.api import Api, api
from bench.audio import noise
from bench.engine import MODE
from bench.machine import Machine
from bench.report import Figure, Reach, Round
from bench.service import AUDIO_SECONDS, Service, embedded_cloud
from bench.submission import AT_ONCE, Submission, seconds_of, upload_barely
from bench.waiting import until_none
from shared.job_table import JobTable
from shared.resources import UPLOADS_QUEUE

LOOKS = (100, 1_000, 5_000, 10_000)  # items, when memory and times are looked at
GETS = 100  # at each look
MEGABYTE = 1_000_000


def main(
    items: Annotated[int, typer.Option(min=2 * LOOKS[0])] = 5_000,
    json: Annotated[Path | None, typer.Option(help="Write the figures there too.")] = None,
) -> None:
    """Submit one batch, a file as short as may be for each item, and start it.

    Exit 1 where from 100 items on the functions' memory grows by more than 10 %, or the time of a look at the batch by
    more than 25 %. With files of so few bytes, the ratio to uploading them and nothing else says what an item costs,
    and no more: `bench.submission` has those of a call.
    """
    looks = [*(look for look in LOOKS if look < items), items]
    with TemporaryDirectory(prefix="mosaic-bench-") as name, embedded_cloud(Path(name)):
        service, machine, audio = Service.fresh(), Machine(), Path(name, "audio.wav")
        audio.write_bytes(noise(AUDIO_SECONDS, MODE.reference_rates_hz[0]))
        with api(service, Path(name)) as reached:
            found = {**_measure(service, reached, looks, audio), **machine.figures()}
    title = f"A batch of {items:,} items of {AUDIO_SECONDS:g} s over HTTP, {AT_ONCE} uploads at once"
    sys.exit(0 if report.show(title, [found], json) else 1)


def _measure(service: Service, reached: Api, looks: Sequence[int], audio: Path) -> Round:
    reference = reached.store(audio.read_bytes())
    uploads = looks[-1] // 10
    bare = uploads / upload_barely(service, audio, uploads)
    found: dict[Figure, float] = {}
    with Submission(reached, reference, audio) as batch:
        for first, look in pairwise([0, *looks]):
            batch.submit(range(first, look))
            until_none(lambda: service.messages(UPLOADS_QUEUE))
            found |= _look(service, reached, batch.id, look)
        reached.call("POST", f"/v1/batches/{batch.id}/start")
        started = seconds_of(lambda: until_none(batch.awaiting))
    return {
        **found,
        **_growths(found),
        Figure("MB after its start: the functions"): _memory(reached),
        Figure("pairs a second submitted"): looks[-1] / batch.seconds,
        Figure("files of that size a second, only uploaded"): bare,
        Figure("submitted against only uploaded", 2): looks[-1] / batch.seconds / bare,
        Figure("jobs a second started"): looks[-1] / started,
    }


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


def _memory(reached: Api) -> float:
    return float(reached.process.memory_info().rss) / MEGABYTE


def _median_ms(call: Callable[[], object]) -> float:
    return statistics.median(seconds_of(call) for _ in range(GETS)) * 1000


if __name__ == "__main__":
    typer.run(main)
