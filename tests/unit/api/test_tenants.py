"""Whose request it is, and that nobody sees what is another's."""

from __future__ import annotations

import secrets
from types import SimpleNamespace

import pytest

from api import remembered, tenants
from api.service import Service
from shared import items
from shared.limits import Limits
from shared.states import State
from tests.clock import SettableClock
from tests.requests import Answer, request
from tests.unit.api.steps import ACME, GLOBEX, bring, calls, count_items, create, get, guard_item, item, renew, start

NOBODYS = ("no-such-key", "", None, "TENANT#acme", "x" * 200)
ROUTES = ("GET", "POST /start", "POST /uploads")


def ask(route: str, job_id: str, key_id: str | None = ACME) -> Answer:
    method, _, tail = route.partition(" ")
    return request(method, f"/v1/jobs/{job_id}{tail}", key_id=key_id)


@pytest.mark.parametrize("key_id", NOBODYS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_key_of_nobody_is_refused_everywhere(route: str, key_id: str | None, parts: Service) -> None:
    job = create()
    before = item(parts, job.id)
    answer = ask(route, job.id, key_id)
    assert answer.status == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "urn:mosaic:problem:forbidden"
    assert item(parts, job.id) == before


@pytest.mark.parametrize("key_id", NOBODYS)
def test_a_key_of_nobody_creates_nothing(key_id: str | None, parts: Service) -> None:
    before = count_items(parts)
    assert request("POST", "/v1/jobs", {}, key_id=key_id).status == 403
    assert count_items(parts) == before


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("state", [State.AWAITING_UPLOAD, State.RUNNING, State.SUCCEEDED, State.FAILED])
def test_anothers_job_looks_exactly_like_one_that_never_was(route: str, state: State, parts: Service) -> None:
    theirs = create(key_id=GLOBEX).id
    bring(parts, theirs, state)
    before, never = item(parts, theirs), secrets.token_hex(16)
    answer, wanted = ask(route, theirs), ask(route, never)
    assert (answer.status, answer.headers) == (wanted.status, wanted.headers)
    assert answer.status == 404
    assert str(answer.body).replace(theirs, "ID") == str(wanted.body).replace(never, "ID")
    assert item(parts, theirs) == before
    assert guard_item(parts, theirs) is None


def test_the_owner_sees_it_all_the_same() -> None:
    theirs = create(key_id=GLOBEX).id
    assert get(theirs, key_id=GLOBEX).status == 202
    assert renew(theirs, key_id=GLOBEX).status == 200
    assert start(theirs, key_id=GLOBEX).status == 409


@pytest.mark.parametrize(
    "job_id",
    ["x", "0" * 31, "0" * 33, "A" * 32, "%20", "a b", "..%2f", "x" * 3000, "'; --", "<script>", "0" * 32 + "%0A"],
)
@pytest.mark.parametrize("route", ROUTES)
def test_what_is_no_id_is_404_and_the_table_is_not_asked(route: str, job_id: str, parts: Service) -> None:
    get("0" * 32)  # the tenant is known from here on
    with calls(parts.dynamodb, "GetItem") as reads:
        answer = ask(route, job_id)
    assert answer.status == 404
    assert answer.body["type"] == "urn:mosaic:problem:unknown_job"
    assert reads == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SettableClock:
    clock = SettableClock(1000)
    monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=clock))
    return clock


def give(parts: Service, key_id: str, tenant: str) -> None:
    packed = items.pack({"pk": f"KEY#{key_id}", "sk": "KEY", "tenant": tenant})
    parts.dynamodb.put_item(TableName=parts.table.name, Item=packed)


def revoke(parts: Service, key_id: str) -> None:
    parts.dynamodb.delete_item(TableName=parts.table.name, Key=items.pack({"pk": f"KEY#{key_id}", "sk": "KEY"}))


def test_a_tenant_is_remembered_for_a_minute_and_no_longer(parts: Service, clock: SettableClock) -> None:
    key_id = secrets.token_hex(8)
    give(parts, key_id, "initech")
    job = create(key_id=key_id)
    revoke(parts, key_id)
    clock.move(59.9)
    assert get(job.id, key_id=key_id).status == 202
    clock.move(0.2)
    assert get(job.id, key_id=key_id).status == 403


def test_its_limits_are_remembered_for_a_minute_too_however_many_keys_ask_for_them(
    parts: Service, clock: SettableClock
) -> None:
    tenant, keys = secrets.token_hex(8), [secrets.token_hex(8), secrets.token_hex(8)]
    for key_id in keys:
        give(parts, key_id, tenant)
    assert tenants.tenant_of(keys[0], parts.table).limits == Limits()
    owner = items.pack({"pk": f"TENANT#{tenant}", "sk": "TENANT", "limits": {"in_flight": 3}})
    parts.dynamodb.put_item(TableName=parts.table.name, Item=owner)
    clock.move(59.9)
    assert tenants.tenant_of(keys[1], parts.table).limits == Limits()
    clock.move(0.2)
    assert [tenants.tenant_of(key_id, parts.table).limits.in_flight for key_id in keys] == [3, 3]


def test_a_refusal_is_not_remembered(parts: Service, clock: SettableClock) -> None:
    key_id = secrets.token_hex(8)
    assert request("POST", "/v1/jobs", {}, key_id=key_id).status == 403
    give(parts, key_id, "initech")
    assert parts.jobs.get(create(key_id=key_id).id).tenant == "initech"


def test_two_keys_of_one_tenant_see_the_same_jobs(parts: Service) -> None:
    key_id = secrets.token_hex(8)
    give(parts, key_id, "acme")
    assert get(create().id, key_id=key_id).status == 202


def test_one_keys_tenant_is_never_anothers(parts: Service) -> None:
    ours, theirs = create(), create(key_id=GLOBEX)
    for _ in range(2):
        assert get(ours.id).status == get(theirs.id, key_id=GLOBEX).status == 202
        assert get(theirs.id).status == get(ours.id, key_id=GLOBEX).status == 404
