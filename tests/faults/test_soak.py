"""A short soak: every fault once, amid jobs of every kind. `make soak` runs a long one, from another seed each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.soak.run import soak

JOBS = 130
SEED = 1


@pytest.mark.timeout(600)
def test_no_promise_is_broken(cloud: Cloud, tmp_path: Path) -> None:
    verdict = soak(cloud, tmp_path, JOBS, SEED, print)
    assert sum(verdict.ends.values()) == JOBS
    assert verdict.kept, [verdict.ended_wrong, verdict.wrong, verdict.unforeseen, verdict.aftermath.broken]
