"""Bad settings: every error at once, exit code 2, and nothing is received."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud import POOL
from tests.stand_ins.ordered_engine import NAME
from tests.stand_ins.polqa_tools import install
from tests.worker_process import pools_of


def refused(**settings: str) -> str:
    """What a worker says that does not start for its settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "AWS_"))}
    told = {name if name.isupper() else f"MOSAIC_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "worker"]
    run = subprocess.run(command, env=kept | told, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2, run.stderr
    return run.stderr


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    """Settings with nothing wrong, of a cloud that is not there: nobody asks it anything before they are found good."""
    queues = ["jobs-malformed", f"{POOL.name}-interactive", f"{POOL.name}-bulk"]
    return {
        "table": "t",
        "bucket": "b",
        "queue_urls": json.dumps({name: f"http://localhost:1/{name}" for name in queues}),
        "pool": POOL.name,
        "pools": pools_of(NAME),
        "engine": NAME,
        "work_directory": str(tmp_path / "work"),
        "state_directory": str(tmp_path / "state"),
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


def test_an_engine_that_is_not_its_pools_is_told_with_all_that_does_not_match_and_with_every_other_error(
    good: dict[str, str],
) -> None:
    [pool] = json.loads(pools_of(NAME))
    pool |= {"engine": "polqa", "version_family": "3"}
    del good["AWS_DEFAULT_REGION"]
    said = refused(**{**good, "pools": json.dumps([pool]), "AWS_CONFIG_FILE": os.devnull})
    assert f"The pool {POOL.name} is for the engine polqa, this is stand-in." in said
    assert f"The pool {POOL.name} is for version 3 of its engine, this is 1.0." in said
    assert "There is no AWS region." in said


def test_a_mode_that_clients_are_promised_and_the_engine_does_not_have_is_told(
    good: dict[str, str], tmp_path: Path
) -> None:
    said = refused(**{**good, "engine": install(tmp_path, "opticom-table")})
    assert "is for the engine stand-in, this is polqa." in said
    assert "has the mode wb, this engine only nb, swb." in said


def test_a_pool_that_nobody_was_promised_is_told(good: dict[str, str]) -> None:
    assert f"MOSAIC_POOLS has no {POOL.name}" in refused(**{**good, "pools": "[]"})


def test_a_bad_engine_is_told_beside_bad_settings(good: dict[str, str], tmp_path: Path) -> None:
    said = refused(**{**good, "engine": f"polqa:{tmp_path}/none.toml", "seats": "0"})
    assert "none.toml" in said
    assert "MOSAIC_SEATS" in said


def test_every_error_is_told_at_once_by_the_name_of_its_variable() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOSAIC_")}
    run = subprocess.run(
        [sys.executable, "-m", "worker"],
        env={**environment, "MOSAIC_SEATS": "0", "MOSAIC_QUEUE_URLS": "{", "MOSAIC_POLL_SECONDS": "60"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    for name in ("TABLE", "BUCKET", "QUEUE_URLS", "POOL", "POOLS", "ENGINE", "SEATS", "POLL_SECONDS", "WORK_DIRECTORY"):
        assert f"MOSAIC_{name}" in run.stderr, run.stderr
