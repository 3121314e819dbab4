"""Notes every object that a process gets from the bucket: botocore shows it the clients that it makes (see recorder).

Children inherit the variables, so a worker is heard that runs as a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tests.recorder import PLUGINS

if TYPE_CHECKING:
    import pytest
    from botocore.client import BaseClient

FILE = "GETS_NOTED_TO"


def note_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the key of each object to that file, by clients that are made from now on."""
    others = os.environ.get(PLUGINS, "")
    monkeypatch.setenv(PLUGINS, ",".join(filter(None, (others, f"gets={__name__}"))))
    monkeypatch.setenv(FILE, str(path))


def noted(path: Path) -> list[str]:
    """The keys, in order, each as often as it was got."""
    return path.read_text().splitlines() if path.exists() else []


def initialize_client_plugin(client: BaseClient) -> None:
    """Listen to a client: botocore calls this, by this name, with each one that it makes."""
    client.meta.events.register("before-parameter-build.s3.GetObject", _note)


def _note(params: Mapping[str, str], **_: object) -> None:
    with Path(os.environ[FILE]).open("a") as file:
        file.write(f"{params['Key']}\n")
