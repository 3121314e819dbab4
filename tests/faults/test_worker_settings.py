"""Bad settings: every error at once, exit code 2, and nothing is received."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud import POOL, Resources
from tests.stand_ins.ordered_engine import NAME
from tests.stand_ins.polqa_tools import install
from tests.worker_process import WorkerProcess, pools_of


def start(told: dict[str, str]) -> list[str]:
    """What a worker says of these settings that cannot start by them, a line an error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "AWS_"))}
    run = subprocess.run(
        [sys.executable, "-m", "worker"],
        env={**environment, "AWS_CONFIG_FILE": os.devnull, **told},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr
    return run.stderr.splitlines()


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    """Settings with nothing wrong, of a cloud that is not there: nobody asks it anything before they are found good."""
    queues = ["jobs-malformed", f"{POOL.name}-interactive", f"{POOL.name}-bulk"]
    return {
        "MOSAIC_TABLE": "t",
        "MOSAIC_BUCKET": "b",
        "MOSAIC_QUEUE_URLS": json.dumps({name: f"http://localhost:1/{name}" for name in queues}),
        "MOSAIC_POOL": POOL.name,
        "MOSAIC_POOLS": pools_of(NAME),
        "MOSAIC_ENGINE": NAME,
        "MOSAIC_WORK_DIRECTORY": str(tmp_path / "work"),
        "MOSAIC_STATE_DIRECTORY": str(tmp_path / "state"),
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


def test_an_engine_that_is_not_its_pools_is_told_with_all_that_does_not_match_and_with_every_other_error(
    good: dict[str, str],
) -> None:
    [pool] = json.loads(pools_of(NAME))
    pool |= {"engine": "polqa", "version_family": "3"}
    del good["AWS_DEFAULT_REGION"]
    _, *errors = start({**good, "MOSAIC_POOLS": json.dumps([pool])})
    assert len(errors) == 3
    assert errors[0].startswith(f"The pool {POOL.name} is for the engine polqa, this is stand-in.")
    assert errors[1].startswith(f"The pool {POOL.name} is for version 3 of its engine, this is 1.0.")
    assert "There is no AWS region." in errors[2]


def test_a_mode_that_clients_are_promised_and_the_engine_does_not_have_is_told(
    good: dict[str, str], tmp_path: Path
) -> None:
    said = "\n".join(start({**good, "MOSAIC_ENGINE": install(tmp_path, "opticom-table")}))
    assert "is for the engine stand-in, this is polqa." in said
    assert "has the mode wb, this engine only nb, swb." in said


def test_a_pool_that_nobody_was_promised_is_told(good: dict[str, str]) -> None:
    assert start({**good, "MOSAIC_POOLS": "[]"})[1:] == [
        f"MOSAIC_POOLS: has no pool {POOL.name}, which MOSAIC_POOL names, but none"
    ]


def test_every_error_is_told_at_once_by_the_name_of_its_variable(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    lines = start(
        {
            "MOSAIC_SEATS": "0",
            "MOSAIC_SEAT": "2",
            "MOSAIC_QUEUE_URLS": "{",
            "MOSAIC_POLL_SECONDS": "60",
            "MOSAIC_DRAIN_SECONDS": "inf",
            "MOSAIC_HOLD_SECONDS": "nan",
            "MOSAIC_ENGINE": "polqa:opticom",
            "MOSAIC_WORK_DIRECTORY": str(file),
            "MOSAIC_STATE_DIRECTORY": "/proc/mosaic",
        }
    )
    first, *errors = lines
    assert first == "The worker cannot start:"
    named = {
        "TABLE",
        "BUCKET",
        "QUEUE_URLS",
        "POOL",
        "POOLS",
        "ENGINE",
        "SEATS",
        "SEAT",
        "POLL_SECONDS",
        "DRAIN_SECONDS",
    }
    named |= {"HOLD_SECONDS", "WORK_DIRECTORY", "STATE_DIRECTORY"}
    assert {line.partition(":")[0] for line in errors if line.startswith("MOSAIC_")} == {
        f"MOSAIC_{name}" for name in named
    }
    assert "MOSAIC_SEAT: unknown; did you mean MOSAIC_SEATS?" in errors
    assert [line for line in errors if "AWS_DEFAULT_REGION" in line], "that of AWS is told, too"
    assert not [line for line in errors if "default factory" in line or "Value error" in line]


def test_a_worker_of_a_pool_that_the_deployment_does_not_have_does_not_start(
    resources: Resources, tmp_path: Path
) -> None:
    process = WorkerProcess(resources, tmp_path, pool="polqa-2")
    assert process.run_to_its_end() == 2
    said = process.log.read_text()
    assert "MOSAIC_QUEUE_URLS: has no queues of the pool polqa-2 that MOSAIC_POOL names, only of visqol-3" in said


def test_names_of_other_parts_of_the_service_are_none_of_the_workers_errors(tmp_path: Path) -> None:
    others = {"MOSAIC_URL": "http://127.0.0.1", "MOSAIC_API_KEY": "x"}
    assert not [line for line in start(others) if line.partition(":")[0] in others]
