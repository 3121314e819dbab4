"""Credentials that come late, or end: the worker waits for good ones, needs no restart, and no job pays for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import JsonValue

from shared.states import State
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.stand_ins.ordered_engine import Meeting
from tests.worker_process import GivenJobs, wait_told, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


def read_from(file: Path) -> dict[str, str]:
    """The environment of a worker that has its credentials from a file, and from nowhere else."""
    return {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "AWS_CONFIG_FILE": os.devnull,
    }


def write(file: Path, key_id: str) -> None:
    """As Systems Manager's agent does it: the file is replaced whole."""
    new = file.with_suffix(".new")
    new.write_text(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = secret-of-{key_id}\n")
    new.replace(file)


@pytest.mark.timeout(240)
def test_a_worker_without_credentials_starts_and_works_once_there_are_some(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    job = jobs.start(QUICK)
    with worker(faulty, tmp_path / "worker", **read_from(credentials)) as process:
        wait_told(process, "credentials_missing")
        assert gateway.calls.total() == 0, "unsigned calls"
        write(credentials, "good")
        [ended] = end_well(jobs, [job], process)
    assert (ended.state, ended.attempt, ended.failures) == (State.SUCCEEDED, 1, 0)


@pytest.mark.timeout(240)
def test_credentials_that_end_amid_the_work_are_replaced_by_those_that_the_file_holds_then(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    credentials, meeting = tmp_path / "credentials", Meeting.at(tmp_path / "meeting")
    write(credentials, "old")
    with worker(faulty, tmp_path / "worker", **read_from(credentials)) as process:
        before = jobs.wait_for(jobs.start(QUICK), State.SUCCEEDED)
        running = jobs.start(meeting.order)
        meeting.wait_begun()
        jobs.wait_begun(running)
        gateway.expired_keys.add("old")
        waiting = [jobs.start(QUICK) for _ in range(5)]
        meeting.let_go()
        wait_told(process, "credentials_refused")
        assert jobs.now(running).state is State.RUNNING
        write(credentials, "new")
        ended = end_well(jobs, [before, running, *waiting], process, gateway=gateway)
        told = process.log.read_text()
    assert {(job.state, job.attempt, job.failures) for job in ended} == {(State.SUCCEEDED, 1, 0)}
    assert '"event": "credentials_well"' in told
    assert "secret-of-" not in told
