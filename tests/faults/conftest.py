"""Real worker processes on ministack."""

from __future__ import annotations

import pytest

from tests.cloud import Resources, cloud, resources
from tests.worker_process import GivenJobs

__all__ = ["cloud", "resources"]


@pytest.fixture
def jobs(resources: Resources) -> GivenJobs:
    return GivenJobs(resources)
