"""Reads of the store see every write before them: they ask for it, which no emulator tells apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared import batch_counts
from shared.job_table import JobTable
from shared.jobs import Jobs
from tests.jobs_for_tests import new_job
from tests.unit.api.steps import calls

READS: dict[str, tuple[str, Callable[[JobTable, str], object]]] = {
    "a job": ("GetItem", lambda table, job_id: table.get(job_id)),
    "any item": ("GetItem", lambda table, job_id: table.read({"pk": job_id, "sk": "x"})),
    "a batch's counts": ("Query", batch_counts.read),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_asks_for_what_was_written_before_it(name: str, table: JobTable, jobs: Jobs) -> None:
    operation, read = READS[name]
    job = jobs.create(new_job())
    with calls(table.client, operation) as asked:
        read(table, job.id)
    assert [call["ConsistentRead"] for call in asked] == [True]
