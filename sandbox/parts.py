"""The three parts of the sandbox as commands: cloud, API and worker.

They inherit this process's environment, which is to be as `cloud.redirect` makes it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox import cloud
from sandbox.children import ROOT, Command
from sandbox.state import Ports, State
from shared.pools import Pool
from worker.engines import load
from worker.engines.engine import UNKNOWN_VERSION

TABLE = "jobs"
BUCKET = "mosaic-sandbox"
TENANT = "sandbox"
ENGINE = "visqol"
POLL_SECONDS = 2  # nothing is paid for a request here, and an idle worker ends within one poll
DRAIN_SECONDS = 20
COMPILED = ROOT / ".sandbox" / "cache"  # the engine's code, the same for every state: compiling takes 10 to 40 s


@dataclass(frozen=True)
class Setup:
    """What a sandbox is run with. No `seats` given: one a CPU."""

    state: State
    ports: Ports
    seats: int | None = None
    engine: str = ENGINE

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://{cloud.HOST}:{self.ports.api}"


def pool_of(engine: str) -> Pool:
    """The pool for an engine, as the engine describes itself: one engine at one version family."""
    description = load(engine).describe()
    family = description.version.split(".")[0]
    return Pool(
        name=f"{description.name}-{family}",
        engine=description.name,
        version_family="" if family == UNKNOWN_VERSION else family,
        modes=description.modes,
        default_mode=description.default_mode,
    )


def cloud_command(setup: Setup) -> Command:
    """The cloud itself."""
    arguments = [sys.executable, "-m", "sandbox.cloud", str(setup.ports.cloud), str(setup.state.cloud)]
    return _command(setup, "cloud", arguments, {}, saves_itself=True)


def api_command(setup: Setup, pool: Pool, queue_urls: Mapping[str, str]) -> Command:
    """The functions and what calls them."""
    arguments = [sys.executable, "-m", "sandbox.functions", str(setup.ports.api), str(setup.state.keys)]
    told = {**_common(queue_urls), "MOSAIC_POOLS": _pools(pool)}
    return _command(setup, "API", arguments, told)


def worker_command(setup: Setup, pool: Pool, queue_urls: Mapping[str, str]) -> Command:
    """The worker, as it is on a licensed host."""
    told = {
        **_common(queue_urls),
        "MOSAIC_POOL": pool.name,
        "MOSAIC_POOLS": _pools(pool),
        "MOSAIC_ENGINE": setup.engine,
        "MOSAIC_HOST": "sandbox",
        "MOSAIC_WORK_DIRECTORY": str(setup.state.work),
        "MOSAIC_STATE_DIRECTORY": str(setup.state.worker),
        "NUMBA_CACHE_DIR": str(COMPILED),
        "MOSAIC_POLL_SECONDS": str(POLL_SECONDS),
        "MOSAIC_DRAIN_SECONDS": str(DRAIN_SECONDS),
    }
    if setup.seats:
        told["MOSAIC_SEATS"] = str(setup.seats)
    return _command(setup, "worker", [sys.executable, "-m", "worker"], told)


def _common(queue_urls: Mapping[str, str]) -> dict[str, str]:
    return {"MOSAIC_TABLE": TABLE, "MOSAIC_BUCKET": BUCKET, "MOSAIC_QUEUE_URLS": json.dumps(dict(queue_urls))}


def _pools(pool: Pool) -> str:
    return json.dumps([pool.model_dump(mode="json")])


def _command(
    setup: Setup, name: str, arguments: list[str], told: Mapping[str, str], *, saves_itself: bool = False
) -> Command:
    log = setup.state.logs / f"{name.lower()}.log"
    return Command(name, arguments, {**os.environ, "PYTHONUNBUFFERED": "1", **told}, log, saves_itself)
