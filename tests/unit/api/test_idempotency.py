"""`Idempotency-Key`: a creating call that is repeated makes one job, or one batch."""

from __future__ import annotations

import secrets

import pytest

from api import service as service_module
from api.documents import CreatedJob
from api.service import Service
from shared import items
from shared.batches import batch_key
from shared.job import Role
from shared.job_table import job_key
from shared.once import LEAST_SECONDS
from shared.states import State
from tests.clock import SettableClock
from tests.lost_responses import lost_once
from tests.requests import Answer, request
from tests.unit.api.changes import changed, tell
from tests.unit.api.steps import ACME, GLOBEX, bring, conditions, create, serving_only, upload


@pytest.fixture
def key() -> str:
    return secrets.token_hex(8)


def repeated(key: str, body: object = None) -> Answer:
    return request("POST", "/v1/jobs", body or {}, headers={"Idempotency-Key": key})


def test_the_same_key_and_body_is_the_same_job(key: str) -> None:
    made = repeated(key)
    assert "Idempotency-Replayed" not in made.headers
    first = CreatedJob.model_validate(made.body)
    answer = repeated(key)
    assert (answer.status, answer.headers["Idempotency-Replayed"]) == (201, "true")
    assert answer.headers["Location"] == f"/v1/jobs/{first.id}"
    again = CreatedJob.model_validate(answer.body)
    assert again.model_copy(update={"uploads": first.uploads}) == first


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({}, {"engine": None, "start": "auto", "metadata": {}, "reference": {}}),
        ({"metadata": {"a": "1", "b": "2"}, "label": "x"}, {"label": "x", "metadata": {"b": "2", "a": "1"}}),
        ({"prepare": {"degraded": {"level": -26}}}, {"prepare": {"degraded": {"level": -26.0, "decode": False}}}),
    ],
)
def test_a_body_is_the_same_however_it_is_written(one: object, same: object, key: str) -> None:
    assert repeated(key, same).body["id"] == create(same, idempotency_key=key).id
    assert repeated(key, one).body["id"] == repeated(key, same).body["id"]


@pytest.mark.parametrize(
    "other", [{"label": "y"}, {"metadata": {"a": "2"}}, {"start": "manual"}, {"degraded": {"bytes": 5}}, {"mode": "wb"}]
)
def test_another_body_is_refused_and_points_at_the_key(other: object, key: str) -> None:
    create({"label": "x"}, idempotency_key=key)
    answer = repeated(key, other)
    assert answer.status == 422
    assert answer.body["type"] == "urn:mosaic:problem:idempotency_key_reused"
    errors = answer.body["errors"]
    assert isinstance(errors, list)
    assert errors[0]["pointer"] == "/header/idempotency-key"


def test_the_same_key_of_another_tenant_is_another_job(parts: Service, key: str) -> None:
    ours, theirs = create(idempotency_key=key), create(idempotency_key=key, key_id=GLOBEX)
    assert ours.id != theirs.id
    assert parts.jobs.get(theirs.id).tenant == "globex"


def test_a_key_whose_job_is_gone_makes_no_second_one(parts: Service, key: str) -> None:
    job = create(idempotency_key=key)
    parts.dynamodb.delete_item(TableName=parts.table.name, Key=items.pack(job_key(job.id)))
    answer = repeated(key)
    assert answer.status == 422
    assert "gone" in str(answer.body["detail"])
    assert answer.body["type"] == "urn:mosaic:problem:idempotency_key_reused"


def test_a_repetition_gets_policies_only_for_what_is_missing(parts: Service, key: str) -> None:
    job = create(idempotency_key=key)
    upload(parts, job.id, Role.REFERENCE)
    again = create(idempotency_key=key)
    assert set(again.uploads) == {Role.DEGRADED}
    assert conditions(again.uploads[Role.DEGRADED])[0]["key"] == conditions(job.uploads[Role.DEGRADED])[0]["key"]
    upload(parts, job.id, Role.DEGRADED)
    assert create(idempotency_key=key).uploads == {}


@pytest.mark.parametrize("state", sorted(set(State) - {State.AWAITING_UPLOAD}))
def test_a_repetition_gets_no_policy_once_uploads_are_over(state: State, parts: Service, key: str) -> None:
    job = create(idempotency_key=key)
    bring(parts, job.id, state)
    again = create(idempotency_key=key)
    assert (again.id, again.state, again.uploads) == (job.id, state, {})


def test_a_repetition_whose_first_answer_was_lost_is_the_same_job(parts: Service, key: str) -> None:
    with lost_once(parts.dynamodb, "TransactWriteItems") as sent:
        first = create(idempotency_key=key)
    assert len(sent) == 2
    assert parts.jobs.get(first.id).state is State.AWAITING_UPLOAD
    assert create(idempotency_key=key).id == first.id


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
def test_the_headers_name_is_read_in_any_case(name: str, key: str) -> None:
    first = create(idempotency_key=key)
    assert request("POST", "/v1/jobs", {}, headers={name: key}).body["id"] == first.id


@pytest.mark.parametrize("bad", ["", "x" * 256])
def test_a_key_that_is_no_key_is_refused(bad: str) -> None:
    answer = repeated(bad)
    assert answer.status == 422
    errors = answer.body["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == ["/header/idempotency-key"]


def test_without_a_key_every_call_is_a_job() -> None:
    assert create().id != create().id


@pytest.mark.parametrize("asked", [{"engine": "visqol"}, {"engine": "visqol", "mode": "wb"}])
def test_a_repetition_is_answered_though_its_engine_be_served_no_more(
    asked: dict[str, str], parts: Service, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create(asked, idempotency_key=key)
    monkeypatch.setattr(service_module, "_made", [serving_only(parts, "polqa-3")])
    answer = repeated(key, asked)
    assert (answer.status, answer.body["id"], answer.headers["Idempotency-Replayed"]) == (201, job.id, "true")
    other = repeated(key, {**asked, "label": "x"})
    assert (other.status, other.body["type"]) == (422, "urn:mosaic:problem:idempotency_key_reused")
    new = request("POST", "/v1/jobs", asked, headers={"Idempotency-Key": f"{key} anew"})
    assert (new.status, new.body["type"]) == (422, "urn:mosaic:problem:invalid_request")


def new_batch(key: str, body: object = None, key_id: str = ACME) -> Answer:
    return request("POST", "/v1/batches", body or {}, headers={"Idempotency-Key": key}, key_id=key_id)


def test_the_same_key_and_body_is_the_same_batch_as_it_is_by_now(key: str) -> None:
    first = new_batch(key, {"label": "x"})
    assert "Idempotency-Replayed" not in first.headers
    request("POST", f"{first.headers['Location']}/start")
    again = new_batch(key, {"label": "x", "metadata": {}})
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert (again.headers["Location"], again.body["id"]) == (first.headers["Location"], first.body["id"])
    assert again.body["state"] == "started"


def test_another_body_of_a_batch_is_refused_and_points_at_the_key(key: str) -> None:
    new_batch(key)
    answer = new_batch(key, {"label": "y"})
    assert (answer.status, answer.body["type"]) == (422, "urn:mosaic:problem:idempotency_key_reused")
    assert "/header/idempotency-key" in str(answer.body["errors"])


def test_a_key_is_a_jobs_or_a_batchs_and_not_both(key: str) -> None:
    new_batch(key)
    assert repeated(key).status == 422


def test_the_same_key_of_another_tenant_is_another_batch(key: str) -> None:
    assert new_batch(key).body["id"] != new_batch(key, key_id=GLOBEX).body["id"]


def test_a_batch_whose_first_answer_was_lost_is_the_same_batch(parts: Service, key: str) -> None:
    with lost_once(parts.dynamodb, "TransactWriteItems") as sent:
        first = new_batch(key)
    assert len(sent) == 2
    assert new_batch(key).body["id"] == first.body["id"]


def test_a_key_whose_batch_was_deleted_is_free_a_day_after_it_was_used(
    parts: Service, key: str, clock: SettableClock
) -> None:
    batch_id = str(new_batch(key).body["id"])
    image = parts.table.read(batch_key(batch_id))
    assert request("DELETE", f"/v1/batches/{batch_id}").status == 204
    assert tell(changed(image, None)) == []
    gone = new_batch(key)
    assert (gone.status, gone.body["type"]) == (422, "urn:mosaic:problem:idempotency_key_reused")
    clock.move(LEAST_SECONDS)
    assert new_batch(key).status == 422
    clock.move(1)
    assert new_batch(key).status == 201
