"""The reconciler works off a started batch anew where nothing shows that anybody does, until its results are there."""

from __future__ import annotations

import pytest

from api import batch_starter
from api.errands import Errand, send
from api.service import Service
from shared.batches import CHECK_SECONDS, SWEEP_SECONDS, Batch, BatchState
from shared.job import Role
from shared.resources import BATCHES_QUEUE
from shared.states import State
from tests.clock import SettableClock
from tests.requests import request
from tests.unit.api.reconciling import reconcile
from tests.unit.api.steps import take_all, upload
from tests.unit.api.test_batches import add

pytestmark = pytest.mark.usefixtures("_empty_afterwards")


@pytest.fixture(autouse=True)
def _time(clock: SettableClock) -> None:
    """Every test here sets its time."""


def errands(parts: Service) -> list[Errand]:
    """Take the starter's messages."""
    bodies = take_all(parts, parts.settings.queue_urls[BATCHES_QUEUE])
    return [Errand.model_validate_json(body) for body in bodies]


def started(parts: Service, jobs: int = 1) -> tuple[Batch, list[str]]:
    """A started batch whose first message was lost."""
    batch_id = str(request("POST", "/v1/batches", {}).body["id"])
    added = add(batch_id, *({"custom_id": str(number)} for number in range(jobs)))
    request("POST", f"/v1/batches/{batch_id}/start")
    errands(parts)
    return parts.batches.get(batch_id), [one["job"]["id"] for one in added]


def test_a_started_batch_that_nobody_works_off_is_worked_off(parts: Service, clock: SettableClock) -> None:
    batch, _ = started(parts)
    reconcile()
    assert errands(parts) == []
    clock.move(CHECK_SECONDS)
    reconcile()
    assert [errand.batch for errand in errands(parts)] == [batch.id]
    reconcile()
    assert errands(parts) == []


def test_while_page_follows_page_nobody_begins_anew(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_starter, "PAGE", 1)
    batch, _ = started(parts, jobs=3)
    send(parts, batch)
    for _ in range(2):
        clock.move(CHECK_SECONDS - 1)
        (errand,) = errands(parts)
        batch_starter.run(parts, errand)
        reconcile()
    (_,) = errands(parts)  # the chain's own
    clock.move(CHECK_SECONDS)
    reconcile()
    (anew,) = errands(parts)
    assert (anew.batch, anew.after) == (batch.id, None)


def test_after_its_last_page_it_is_swept_once_an_hour(parts: Service, clock: SettableClock) -> None:
    batch, (job_id,) = started(parts)
    clock.move(CHECK_SECONDS)
    batch_starter.run(parts, Errand(batch=batch.id))
    for role in Role:
        upload(parts, job_id, role)  # whose event is lost
    clock.move(SWEEP_SECONDS)
    parts.jobs.check_in(parts.jobs.get(job_id), 10 * SWEEP_SECONDS)  # so that nobody looks at the job by itself
    reconcile()
    (errand,) = errands(parts)
    batch_starter.run(parts, errand)
    assert parts.jobs.get(job_id).state is State.QUEUED


def test_an_ended_batch_without_results_gets_them_and_one_with_results_is_left_alone(
    parts: Service, clock: SettableClock
) -> None:
    batch, (job_id,) = started(parts)
    parts.jobs.cancel(parts.jobs.get(job_id))
    assert parts.batches.end(batch).state is BatchState.ENDED  # and its message was lost
    clock.move(CHECK_SECONDS)
    reconcile()
    (errand,) = errands(parts)
    batch_starter.run(parts, errand)
    assert parts.batches.get(batch.id).results
    clock.move(SWEEP_SECONDS)
    reconcile()
    assert errands(parts) == []


def test_an_open_batch_is_nobodys_business(parts: Service, clock: SettableClock) -> None:
    request("POST", "/v1/batches", {})
    clock.move(SWEEP_SECONDS)
    assert reconcile() == 0
