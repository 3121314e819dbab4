"""Files that changed after their job was started never reach a seat."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import JsonValue

from shared.job import ErrorCategory, Role
from shared.states import State
from tests.aws_faults import Refused
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.faulty_gateway import FaultyGateway
from tests.worker_process import LOOK_SECONDS, GivenJobs, wait_told, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}
DENIED = Refused({"s3": (403, "AccessDenied")})


def test_a_job_whose_files_are_not_what_they_were_fails_and_says_why(
    jobs: GivenJobs, resources: Resources, tmp_path: Path
) -> None:
    changed, removed, lied = jobs.start(QUICK), jobs.start(QUICK), jobs.start(QUICK, sha256="0" * 64)
    jobs.upload(changed, Role.DEGRADED, {**QUICK, "another": "one"})
    jobs.service.s3.delete_object(Bucket=resources.bucket, Key=removed.degraded.key)
    with worker(resources, tmp_path) as process:
        ended = end_well(jobs, [changed, removed, lied], process)
    assert {job.state for job in ended} == {State.FAILED}
    errors = [job.error for job in ended if job.error]
    assert {error.category for error in errors} == {ErrorCategory.BAD_INPUT}
    assert [error.code for error in errors] == ["changed_after_start", "removed_after_start", "sha256_mismatch"]
    assert [error.file for error in errors] == [Role.DEGRADED, Role.DEGRADED, Role.REFERENCE]
    assert {job.begun_attempt for job in ended} == {0}, "it reached a seat"


def test_a_job_whose_files_the_host_may_not_read_waits_at_no_cost_and_the_log_says_which_rights_it_needs(
    jobs: GivenJobs, gateway: FaultyGateway, faulty: Resources, tmp_path: Path
) -> None:
    gateway.inject(DENIED, "s3.GetObject")
    with worker(faulty, tmp_path) as process:
        job = jobs.start(QUICK)
        wait_told(process, "attempt_ended")
        assert jobs.now(job).state is State.QUEUED
        while jobs.now(job).state is State.QUEUED:
            gateway.show()  # its message, which was put back for a while
            time.sleep(LOOK_SECONDS)
        [ended] = end_well(jobs, [job], process, gateway=gateway)
        told = process.log.read_text()
    assert (ended.state, ended.attempt, ended.failures) == (State.SUCCEEDED, 2, 0)
    assert "s3:GetObject" in told
    assert "s3:ListBucket" in told
