"""Who is measured, and how each is started with two seats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.peers.group import Command
from bench.peers.mosaic import MosaicSite
from bench.peers.site import SEATS, BareSite, PeerSite, Site, Work

NAIVE, SQS_WORKERS = "bench.peers.naive", "bench.peers.sqs_workers"
DEFAULTS, TUNED = "bench.peers.celery_defaults", "bench.peers.celery_tuned"
DRAMATIQ = "bench.peers.dramatiq_sqs"


@dataclass(frozen=True)
class Participant:
    """Its name, how a site of it is made, and its module and variables where it is a peer."""

    name: str
    site: Callable[[Path, Work], Site]
    module: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


def _celery(module: str) -> list[Command]:
    return [["celery", "--app", module, "worker", "--concurrency", str(SEATS), "--loglevel", "warning"]]


def _dramatiq() -> list[Command]:
    return [["dramatiq", DRAMATIQ, "--processes", str(SEATS), "--threads", "1"]]


def _peer(name: str, module: str, commands: Sequence[Command], **variables: str) -> Participant:
    site = partial(PeerSite, module=module, commands=commands, variables=variables)
    return Participant(name, site, module, variables)


BARE = Participant("engine only", BareSite)
MOSAIC = Participant("Mosaic", partial(MosaicSite, prefetch=SEATS))
MOSAIC_AHEAD = Participant("Mosaic, prefetch 4", partial(MosaicSite, prefetch=2 * SEATS))
PEERS = (
    _peer("naive boto3 loop", NAIVE, [[NAIVE, "work"]] * SEATS),
    _peer("celery, defaults", DEFAULTS, _celery(DEFAULTS)),
    _peer("celery, tuned", TUNED, _celery(TUNED)),
    _peer("dramatiq_sqs", DRAMATIQ, _dramatiq()),
    _peer("sqs-workers", SQS_WORKERS, [[SQS_WORKERS, "work"]] * SEATS),
)
# As it comes: its own visibility goes with each receive.
DRAMATIQ_12_HOURS = _peer("dramatiq_sqs, 12 h", DRAMATIQ, _dramatiq(), BENCH_VISIBILITY="43200")
