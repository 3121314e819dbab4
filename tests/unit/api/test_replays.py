"""A replayed job starts as any other, costs its tenant nothing, and says what it replays."""

from __future__ import annotations

import time

from api import intake
from api.service import Service
from shared import quotas
from shared.job import Role
from shared.limits import Quota
from shared.object_keys import Upload, upload_key
from shared.states import State
from shared.tenants import Tenants
from tests.jobs_for_tests import new_job
from tests.unit.api.steps import create, get, messages, upload

NOTHING = {Quota.JOBS_PER_DAY: 0, Quota.BYTES_PER_DAY: 0, Quota.IN_FLIGHT: 0}
OLD = "0" * 32


def replaying(parts: Service, tenant: str) -> str:
    """A job as a replay makes it, and its files as they arrive."""
    job = parts.jobs.create(new_job(tenant, time.time()).model_copy(update={"replay_of": OLD}))
    for role in Role:
        key = upload_key(job.id, role)
        intake.take(parts, key, Upload(job.id, role), upload(parts, job.id, role), lambda _: False)
    return job.id


def test_it_starts_where_its_tenant_may_do_nothing_any_more(parts: Service) -> None:
    Tenants(parts.table).add("spent", NOTHING)
    job_id = replaying(parts, "spent")
    assert parts.jobs.get(job_id).state is State.QUEUED
    assert [message.group for message in messages(parts)] == ["spent"]


def test_nothing_of_it_is_counted_from_its_creation_to_its_end(parts: Service) -> None:
    before = quotas.used(parts.table, "acme")
    ended = parts.jobs.cancel(parts.jobs.get(replaying(parts, "acme")))
    quotas.release(parts.table, ended, time.time())
    assert quotas.used(parts.table, "acme") == before


def test_its_document_names_the_job_that_it_replays(parts: Service) -> None:
    assert get(replaying(parts, "acme")).body["replay_of"] == OLD
    assert get(create().id).body["replay_of"] is None
