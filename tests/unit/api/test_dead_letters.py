"""The function on dead letters fails a job that nobody took up, and no other."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest

from api import dead_letters
from api.dead_letters import STUCK_SECONDS
from api.service import Service
from shared import envelope
from shared.claims import Claims
from shared.job import ErrorCategory, Job, Role
from shared.resources import DAY
from shared.states import ENDS, State
from tests.clock import SettableClock
from tests.deliveries import event_of
from tests.unit.api.steps import all_messages, bring, create, item, stored, upload


@pytest.fixture(autouse=True)
def _time(clock: SettableClock) -> None:
    """Every test here sets its time."""


def deliver(*bodies: str) -> list[str]:
    """Deliver a batch; the places of the messages that are to come again."""
    answer = dead_letters.handler(event_of(*bodies), None)
    return [failure["itemIdentifier"].removeprefix("message-") for failure in answer["batchItemFailures"]]


def test_a_job_that_waited_untouched_fails_and_keeps_its_audio(parts: Service, clock: SettableClock) -> None:
    job = bring(parts, create().id, State.QUEUED)
    upload(parts, job.id, Role.DEGRADED)
    clock.move(STUCK_SECONDS)
    assert deliver(envelope.pack(job.id)) == []
    found = parts.jobs.get(job.id)
    assert found.error
    assert (found.state, found.error.category, found.error.code) == (
        State.FAILED, ErrorCategory.SERVICE, "undeliverable",
    )  # fmt: skip
    assert found.check_at == clock.now + 14 * DAY
    assert stored(parts, job.id) == {Role.DEGRADED}
    assert deliver(envelope.pack(job.id)) == []
    assert parts.jobs.get(job.id) == found


def test_a_job_that_was_put_back_of_late_gets_another_message(parts: Service, clock: SettableClock) -> None:
    job = bring(parts, create().id, State.QUEUED)
    claims = Claims(parts.table, "host-a", clock)
    clock.move(STUCK_SECONDS)
    claims.put_back(claims.claim(job.id))  # its licence was lost, say
    clock.move(STUCK_SECONDS - 1)
    assert deliver(envelope.pack(job.id)) == []
    assert parts.jobs.get(job.id).state is State.QUEUED
    assert [envelope.unpack(message.body).job for message in all_messages(parts)] == [job.id]


@pytest.mark.parametrize("state", sorted({State.AWAITING_UPLOAD, State.RUNNING} | ENDS))
def test_a_job_that_does_not_wait_in_a_queue_is_left_as_it_is(
    state: State, parts: Service, clock: SettableClock
) -> None:
    job = bring(parts, create().id, state)
    before = item(parts, job.id)
    clock.move(STUCK_SECONDS)
    assert deliver(envelope.pack(job.id)) == []
    assert item(parts, job.id) == before
    assert all_messages(parts) == []


def test_a_job_that_is_claimed_meanwhile_is_not_failed(
    parts: Service, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bring(parts, create().id, State.QUEUED)
    clock.move(STUCK_SECONDS)

    def get(_: str) -> Job:
        monkeypatch.undo()
        Claims(parts.table, "host-a", clock).claim(job.id)
        return job

    monkeypatch.setattr(parts.jobs, "get", get)
    assert deliver(envelope.pack(job.id)) == []
    assert parts.jobs.get(job.id).state is State.RUNNING


NEWER = json.dumps({"version": 2, "work": "?"})


@pytest.mark.parametrize("body", [NEWER, "no json", envelope.pack(secrets.token_hex(16))])
def test_a_message_that_leads_to_no_job_is_done_with(body: str) -> None:
    assert deliver(body) == []


def test_a_message_that_fails_comes_again_alone(parts: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [bring(parts, create().id, State.QUEUED) for _ in range(3)]
    monkeypatch.setattr(dead_letters, "STUCK_SECONDS", 0)
    get: Callable[[str], Job] = parts.jobs.get

    def unreachable(job_id: str) -> Job:
        if job_id == jobs[1].id:
            raise ConnectionError("no route")
        return get(job_id)

    monkeypatch.setattr(parts.jobs, "get", unreachable)
    assert deliver(*(envelope.pack(job.id) for job in jobs)) == ["1"]
    assert [get(job.id).state for job in jobs] == [State.FAILED, State.QUEUED, State.FAILED]
