"""Emulators that several kinds of integration tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.service import Service
from tests.integration import seaweed


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The functions' own clients, of a running seaweedfs."""
    with seaweed.running(tmp_path_factory.mktemp("weed")) as endpoint:
        yield seaweed.service_at(endpoint)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--jobs-of-batch", type=int, default=200, help="of the test that a batch's counts are exact")


@pytest.fixture
def jobs_of_batch(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--jobs-of-batch", 200))
