"""A fake service, a client of it that never sleeps, and two recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mosaic import Mosaic

from tests.unit.client.fake_service import KEY, FakeService
from tests.unit.client.idle_clock import IdleClock


@pytest.fixture
def service() -> Iterator[FakeService]:
    with FakeService().running() as service:
        yield service


@pytest.fixture
def idle() -> IdleClock:
    return IdleClock()


@pytest.fixture
def mosaic(service: FakeService, idle: IdleClock) -> Iterator[Mosaic]:
    with Mosaic(service.url, KEY, clock=idle) as mosaic:
        yield mosaic


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "clean speech.wav"
    path.write_bytes(b"reference " * 300)
    return path


@pytest.fixture
def degraded(tmp_path: Path) -> Path:
    path = tmp_path / "degraded.wav"
    path.write_bytes(b"degraded " * 200)
    return path
