"""Files that changed after their job was started never reach a seat."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from shared.job import ErrorCategory, Role
from shared.states import State
from tests.cloud import Resources
from tests.faults.aftermath import end_well
from tests.worker_process import GivenJobs, worker

QUICK: dict[str, JsonValue] = {"do": "sleep", "seconds": 0.05}


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
