"""Tenants as items: limits of their own, two keys at most, and whose a key is."""

from __future__ import annotations

import secrets

import pytest

from api import tenants as api_tenants
from shared.job_table import JobTable
from shared.limits import Limits, Quota
from shared.tenants import HasKeys, TenantExists, Tenants, TooManyKeys, UnknownTenant, tenant_key
from tests.clock import SettableClock
from tests.lost_responses import lost_once


@pytest.fixture
def tenants(table: JobTable, clock: SettableClock) -> Tenants:
    return Tenants(table, clock)


@pytest.fixture
def name(tenants: Tenants) -> str:
    """A tenant that is there, with nothing of its own."""
    name = secrets.token_hex(6)
    tenants.add(name, {})
    return name


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_tenants, "_cache", {})
    monkeypatch.setattr(api_tenants, "_owners", {})


def test_a_new_tenant_is_found_and_listed(tenants: Tenants, clock: SettableClock) -> None:
    name = secrets.token_hex(6)
    assert name not in tenants.ids()
    made = tenants.add(name, {Quota.IN_FLIGHT: 7})
    assert tenants.get(name) == made
    assert (made.all_limits, made.added_at) == (Limits(in_flight=7), clock())
    assert name in tenants.ids()


def test_a_tenant_is_made_once(tenants: Tenants, name: str) -> None:
    with pytest.raises(TenantExists):
        tenants.add(name, {Quota.IN_FLIGHT: 7})
    assert tenants.get(name).limits == {}


def test_a_tenant_whose_making_was_answered_late_is_made(tenants: Tenants, table: JobTable) -> None:
    name = secrets.token_hex(6)
    with lost_once(table.client, "TransactWriteItems") as sent:
        tenants.add(name, {})
    assert len(sent) == 2
    assert name in tenants.ids()


def test_a_limit_is_stored_by_itself_and_goes_back_to_its_default(tenants: Tenants, name: str, table: JobTable) -> None:
    tenants.limit(name, {Quota.JOBS_PER_DAY: 5, Quota.IN_FLIGHT: 3})
    changed = tenants.limit(name, {Quota.JOBS_PER_DAY: None})
    assert changed == tenants.get(name)
    assert changed.all_limits == Limits(in_flight=3)
    item = table.read(tenant_key(name))
    assert item is not None
    assert item["limits"] == {"in_flight": 3}


def test_the_api_goes_by_a_tenants_limits(tenants: Tenants, name: str, table: JobTable) -> None:
    tenants.limit(name, {Quota.JOBS_PER_DAY: 5})
    assert api_tenants.tenant_named(name, table).limits == Limits(jobs_per_day=5)


def test_of_a_tenant_that_is_not_there_nothing_comes_to_be(tenants: Tenants, table: JobTable) -> None:
    name = secrets.token_hex(6)
    for do in (
        lambda: tenants.get(name),
        lambda: tenants.limit(name, {Quota.IN_FLIGHT: 1}),
        lambda: tenants.add_key(name, "key1"),
        lambda: tenants.remove(name),
    ):
        with pytest.raises(UnknownTenant):
            do()
    assert table.read(tenant_key(name)) is None


def test_a_key_lets_its_tenant_in_until_it_is_removed(
    tenants: Tenants, name: str, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = secrets.token_hex(5)
    tenants.add_key(name, key)
    assert api_tenants.tenant_of(key, table).id == name
    assert tenants.remove_key(key) == name
    monkeypatch.setattr(api_tenants, "_cache", {})
    monkeypatch.setattr(api_tenants, "_owners", {})
    with pytest.raises(Exception, match="403"):
        api_tenants.tenant_of(key, table)
    assert tenants.get(name).keys == {}
    assert tenants.remove_key(key) is None


def test_a_tenant_has_two_keys_at_most(tenants: Tenants, name: str) -> None:
    keys = [secrets.token_hex(5) for _ in range(3)]
    for key in keys[:2]:
        tenants.add_key(name, key)
        tenants.add_key(name, key)  # again is the same as once
    with pytest.raises(TooManyKeys):
        tenants.add_key(name, keys[2])
    assert [*tenants.get(name).keys] == keys[:2]
    assert tenants.remove_key(keys[2]) is None
    tenants.remove_key(keys[0])
    tenants.add_key(name, keys[2])


def test_a_key_of_a_tenant_without_an_item_can_be_removed(tenants: Tenants, table: JobTable) -> None:
    key = secrets.token_hex(5)
    table.client.put_item(
        TableName=table.name, Item={"pk": {"S": f"KEY#{key}"}, "sk": {"S": "KEY"}, "tenant": {"S": "by-hand"}}
    )
    assert tenants.remove_key(key) == "by-hand"
    assert table.read(tenant_key("by-hand")) is None
    assert tenants.remove_key(key) is None


def test_a_tenant_goes_once_it_has_no_keys(tenants: Tenants, name: str) -> None:
    tenants.add_key(name, key := secrets.token_hex(5))
    with pytest.raises(HasKeys):
        tenants.remove(name)
    assert name in tenants.ids()
    tenants.remove_key(key)
    tenants.remove(name)
    assert name not in tenants.ids()
    with pytest.raises(UnknownTenant):
        tenants.get(name)
