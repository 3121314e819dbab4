"""Fixtures that every kind of test may use."""

from __future__ import annotations

import os
import signal

import pytest

# No test may ever reach a real account; botocore reads these when a client is made.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
)

# A shell that runs this in the background lets SIGINT be ignored, and children inherit that: Ctrl-C is tested too.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.cloud", "tests.recorder"]

# Tests that share something costly run in one process when several run at once.
TOGETHER = {
    "tests/e2e/": "sandbox",
    "tests/integration/test_sandbox": "sandbox",  # two that start at once may choose the same port
    "tests/infra/": "infra",
    "tests/unit/test_visqol_engine.py": "visqol",
}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each of those together."""
    for item in items:
        for start, group in TOGETHER.items():
            if item.nodeid.startswith(start):
                item.add_marker(pytest.mark.xdist_group(group))
