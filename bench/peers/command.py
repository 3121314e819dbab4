"""What each peer is asked to do, by `python -m bench.peers.NAME put|work|settings` in the peers' environment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

QUEUE = "BENCH_QUEUE_URL"


def queue_url() -> str:
    """The queue to work on. It is there, with the settings that everyone's has."""
    return os.environ[QUEUE]


def queue_name() -> str:
    """The same by its name, for those who ask for that."""
    return queue_url().rpartition("/")[2]


def run(
    packages: Iterable[str],
    settings: Mapping[str, object],
    put: Callable[[list[str]], object],
    work: Callable[[], object] | None = None,
) -> None:
    """Send a message for each job of standard input; or work for ever; or tell versions and settings."""
    match sys.argv[1]:
        case "put":
            put(sys.stdin.read().split())
        case "work" if work:
            work()
        case "settings":
            print(json.dumps({"packages": {name: version(name) for name in packages}, "settings": settings}))
