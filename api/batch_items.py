"""One item of a batch: its job, or what is wrong with it, as if it had come by a call of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from api import creation, idempotency, problems, uploads
from api.batch_documents import CUSTOM_ID_CHARACTERS, ItemAnswer, NewItem
from api.documents import NewJob, created_job, job_document
from api.problems import Problem
from shared.batches import BatchState, UnknownBatch
from shared.errors import KeyReused
from shared.job import Job
from shared.jobs import TOGETHER
from shared.limits import Quota
from shared.once import Once
from shared.pools import Lane
from shared.quotas import QuotaExceeded
from shared.transactions import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.service import Service
    from api.tenants import Tenant
    from shared.batches import Batch
    from shared.object_keys import ReferenceName
    from shared.references import Reference

    Stored = Callable[[ReferenceName], Reference | None]


def add_all(
    service: Service, tenant: Tenant, batch: Batch, given: Sequence[Mapping[str, JsonValue]], stored: Stored
) -> list[ItemAnswer]:
    """Add items, whose references `stored` finds, as many in one write as that takes: an answer to each."""
    answers: list[ItemAnswer] = []
    for first in range(0, len(given), TOGETHER):
        answers += _add_some(service, tenant, batch, given[first : first + TOGETHER], stored)
    return answers


def _add_some(
    service: Service, tenant: Tenant, batch: Batch, given: Sequence[Mapping[str, JsonValue]], stored: Stored
) -> list[ItemAnswer]:
    """All in one write; where one of them stands in its way, each by itself."""
    try:
        return _added_together(service, tenant, batch, [NewItem.model_validate(item) for item in given], stored)
    except (ValidationError, Problem, KeyReused, Cancelled):
        return [add(service, tenant, batch, item, stored) for item in given]


def add(
    service: Service,
    tenant: Tenant,
    batch: Batch,
    given: Mapping[str, JsonValue],
    stored: Stored,
    met: dict[str, str] | None = None,
) -> ItemAnswer:
    """Add one item, whose reference `stored` finds. Raises nothing that is the item's own fault.

    Given what was `met` in the same call, only look whether it could be added: see `creation.rehearse`.
    """
    custom_id = given.get("custom_id")
    named = custom_id[:CUSTOM_ID_CHARACTERS] if isinstance(custom_id, str) else None
    try:
        return _added(service, tenant, batch, NewItem.model_validate(given), stored, met)
    except ValidationError as error:
        problem = problems.from_validation([{**detail, "loc": ("body", *detail["loc"])} for detail in error.errors()])
    except QuotaExceeded as exceeded:
        problem = _refused(service, batch, exceeded)
    except Problem as refused:
        problem = refused
    return ItemAnswer(custom_id=named, status=problem.status, problem=problem.document())


def _added(
    service: Service, tenant: Tenant, batch: Batch, item: NewItem, stored: Stored, met: dict[str, str] | None
) -> ItemAnswer:
    new, once = _wanted(service, tenant, batch, item)
    if met is not None:
        creation.rehearse(service, new, once, met)
        return ItemAnswer(custom_id=item.custom_id, status=HTTPStatus.OK)
    spendings = [service.batches.items_of(batch, 1, tenant.limits)]
    job, is_new = creation.create_or_find(
        service,
        tenant,
        lambda: creation.with_stored_reference(new(), stored),
        once,
        spendings,
        key_pointer=idempotency.CUSTOM_ID,
    )
    return _created(service, job, is_new=is_new)


def _added_together(
    service: Service, tenant: Tenant, batch: Batch, items: Sequence[NewItem], stored: Stored
) -> list[ItemAnswer]:
    wanted = [_wanted(service, tenant, batch, item) for item in items]
    jobs = [(creation.with_stored_reference(new(), stored), once) for new, once in wanted]
    spendings = [service.batches.items_of(batch, len(jobs), tenant.limits)]
    made = creation.create_together(service, tenant, jobs, spendings)
    return [_created(service, job, is_new=True) for job in made]


def _wanted(service: Service, tenant: Tenant, batch: Batch, item: NewItem) -> tuple[Callable[[], Job], Once]:
    """What makes the job that an item asks for, and what that is known by."""
    body = NewJob.model_validate(item.model_dump(exclude={"custom_id"}))

    def new() -> Job:
        of_batch = {"batch": batch.id, "custom_id": item.custom_id, "lane": Lane.BULK}
        return creation.new_job(service, tenant, body).model_copy(update=of_batch)

    return new, Once.by_custom_id(batch.id, item.custom_id, idempotency.body_hash(body))


def _created(service: Service, job: Job, *, is_new: bool) -> ItemAnswer:
    wanted = uploads.wanted(service, job, is_new=is_new)
    document = created_job(job_document(job), uploads.policies(service, job, wanted))
    return ItemAnswer(custom_id=job.custom_id, status=HTTPStatus.CREATED, job=document)


def _refused(service: Service, batch: Batch, exceeded: QuotaExceeded) -> Problem:
    """A batch that was started or deleted meanwhile refuses as one that is full does: look which it is."""
    if exceeded.quota is Quota.BATCH_ITEMS:
        try:
            now = service.batches.get(batch.id)
        except UnknownBatch:
            return problems.unknown_batch(batch.id)
        if now.state is not BatchState.OPEN:
            return problems.batch_in_wrong_state(now, "jobs are added only while it is open")
    return problems.quota_exceeded(exceeded, time.time())
