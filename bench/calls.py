"""The AWS calls that a process makes, noted by itself as it makes them.

botocore shows each client that it makes to the module that an environment variable names (`botocore.plugin`), so no
production code knows of it. Noting one takes some 10 microseconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import OperationModel

PLUGINS = "BOTOCORE_EXPERIMENTAL__PLUGINS"
FILE = "BENCH_CALLS_FILE"


@dataclass(frozen=True)
class Call:
    """A call as it was begun, at seconds of CLOCK_MONOTONIC: `sqs`, `ReceiveMessage`, and the queue's URL, if one."""

    at: float
    service: str
    operation: str
    queue: str | None


def noted_to(path: Path) -> dict[str, str]:
    """The environment that makes a process note its calls there."""
    return {PLUGINS: f"calls={__name__}", FILE: str(path)}


def read(path: Path) -> list[Call]:
    """The calls that were noted there."""
    return [Call(**json.loads(line)) for line in path.read_bytes().splitlines()] if path.exists() else []


def initialize_client_plugin(client: BaseClient) -> None:
    """Listen to a client: botocore calls this, by this name, with each one that it makes."""
    notes = os.open(os.environ[FILE], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(params: Mapping[str, object], model: OperationModel, **_: object) -> None:
        queue = params.get("QueueUrl")
        call = Call(time.monotonic(), model.service_model.service_name, model.name, str(queue) if queue else None)
        os.write(notes, json.dumps(asdict(call)).encode() + b"\n")

    client.meta.events.register("before-parameter-build", note)
