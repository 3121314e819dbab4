"""A stored reference is scored against itself once, where that is asked for."""

from __future__ import annotations

import io
import json

import pytest

from api import self_score
from api.service import Service
from shared.claims import Claims
from shared.job import Job, Role
from shared.object_keys import reference_key, result_key
from shared.states import State
from tests.clock import now
from tests.jobs_for_tests import result
from tests.unit.api.reference_steps import (
    ask,
    delete,
    document,
    fresh,
    item,
    keep,
    limit,
    naming,
    put,
    sha_of,
    show,
)
from tests.unit.api.steps import all_messages, bring, calls, create, upload
from tests.unit.api.test_intake import deliver, told


def checks(parts: Service, sha256: str) -> list[Job]:
    """The jobs that score it against itself, by the messages sent for them."""
    sent = [json.loads(message.body)["job"] for message in all_messages(parts)]
    jobs = [parts.jobs.get(job_id) for job_id in sent]
    key = reference_key("acme", sha256)
    return [job for job in jobs if job.reference.key == job.degraded.key == key]


def test_where_that_is_asked_for_it_is_scored_against_itself_once_and_its_score_noted(parts: Service) -> None:
    content = fresh()
    sha256 = sha_of(content)
    ask(sha256, check=True)
    key = put(parts, content)
    assert deliver(told(key), told(key)) == []
    assert ask(sha256, check=True).status == 200
    [job] = checks(parts, sha256)
    assert (job.state, job.tenant, job.mode) == (State.QUEUED, "acme", "wb")
    assert document(show(sha256)).self_score is None
    done = parts.jobs.get(job.id).model_copy(update={"result": result(4.73)})
    for _ in range(2):
        self_score.note(parts, done)
    score = document(show(sha256)).self_score
    assert score is not None
    assert (score.mos_lqo, score.mode, score.engine, score.version) == (4.73, "wb", "visqol", "3.8.0")
    with calls(parts.dynamodb, "TransactWriteItems") as written:
        assert ask(sha256, check=True).status == 200
    assert (checks(parts, sha256), written) == ([], [])


def test_one_whose_job_ended_without_a_score_or_is_gone_can_be_asked_for_again(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    ask(sha256, check=True)
    [cancelled] = checks(parts, sha256)
    parts.jobs.cancel(cancelled)
    for _ in range(2):
        assert ask(sha256, check=True).status == 200
    [second] = checks(parts, sha256)
    assert (second.state, second.id != cancelled.id) == (State.QUEUED, True)
    parts.jobs.delete(parts.jobs.cancel(second))
    for _ in range(2):
        assert ask(sha256, check=True).status == 200
    [third] = checks(parts, sha256)
    assert third.id not in (cancelled.id, second.id)


def test_one_that_is_scored_is_scored_once_though_that_be_not_noted_yet(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    ask(sha256, check=True)
    [job] = checks(parts, sha256)
    claims = Claims(parts.table, "host-a", now)
    claims.commit(claims.begin(claims.claim(job.id)), result(), result_key(job.id, 1))
    assert ask(sha256, check=True).status == 200
    assert checks(parts, sha256) == []


def test_one_that_is_stored_anew_can_be_scored_anew(parts: Service) -> None:
    content = fresh()
    for _ in range(2):
        sha256 = keep(parts, content)
        ask(sha256, check=True)
        assert len(checks(parts, sha256)) == 1
        delete(sha256)


def test_one_that_is_stored_already_can_be_scored_too_and_without_asking_none_is(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    assert checks(parts, sha256) == []
    ask(sha256)
    assert checks(parts, sha256) == []
    ask(sha256, check=True)
    assert len(checks(parts, sha256)) == 1


def test_it_is_scored_in_a_mode_that_takes_it(parts: Service) -> None:
    sha256 = keep(parts, fresh(rate_hz=8000))
    ask(sha256, check=True)
    [job] = checks(parts, sha256)
    assert (job.engine, job.mode) == ("polqa", "nb")


def test_the_end_of_any_other_job_is_noted_nowhere(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    job = create(naming(sha256))
    upload(parts, job.id, Role.DEGRADED)
    ended = bring(parts, job.id, State.SUCCEEDED)
    self_score.note(parts, ended)
    assert document(show(sha256)).self_score is None


def test_the_score_of_one_that_is_gone_brings_nothing_back(parts: Service) -> None:
    sha256 = keep(parts, fresh())
    ask(sha256, check=True)
    [job] = checks(parts, sha256)
    delete(sha256)
    self_score.note(parts, job.model_copy(update={"result": result()}))
    assert item(parts, sha256) is None


def test_past_a_quota_it_is_stored_and_only_not_scored(
    parts: Service, monkeypatch: pytest.MonkeyPatch, logged: io.StringIO
) -> None:
    limit(monkeypatch, jobs_per_day=0)
    content = fresh()
    ask(sha_of(content), check=True)
    assert deliver(told(put(parts, content))) == []
    assert show(sha_of(content)).status == 200
    assert checks(parts, sha_of(content)) == []
