"""Real worker processes on ministack."""

from __future__ import annotations

import pytest

from tests.cloud import Resources
from tests.worker_process import GivenJobs


@pytest.fixture
def jobs(resources: Resources) -> GivenJobs:
    return GivenJobs(resources)
