"""The sandbox hears what happens to its parts also while it waits for an answer of one."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from sandbox import parts, supervisor
from sandbox.children import ChildDied, Command
from sandbox.parts import Setup
from sandbox.screen import Screen
from sandbox.supervisor import Sandbox

ASKED_SECONDS = 10.0
CLOUD = """
import os, socket, sys
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\\0"))
open(sys.argv[1]).read()  # until it is asked for something
sys.exit(3)
"""


def test_a_cloud_that_dies_while_it_is_asked_for_resources_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, over = tmp_path / "asked", threading.Event()
    os.mkfifo(asked)
    command = Command("cloud", [sys.executable, "-c", CLOUD, str(asked)], os.environ, tmp_path / "cloud.log")

    def ask_in_vain(*_: object) -> None:
        asked.write_text("")
        over.wait(ASKED_SECONDS)
        raise EndpointConnectionError(endpoint_url="http://cloud.test")

    async def enter() -> None:
        try:
            async with Sandbox(cast(Setup, SimpleNamespace(engine="none")), Screen(Console(file=io.StringIO()))):
                pytest.fail("it came up")
        finally:
            over.set()

    monkeypatch.setattr(parts, "pool_of", lambda _: None)
    monkeypatch.setattr(parts, "cloud_command", lambda _: command)
    monkeypatch.setattr(supervisor, "_make_resources", ask_in_vain)
    with pytest.raises(ChildDied, match="the cloud died"):
        asyncio.run(enter())
