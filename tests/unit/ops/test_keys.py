"""Keys: in the gateway and in the table, or in neither for long, wherever their making or removal is broken off."""

from __future__ import annotations

import secrets

import pytest

from infra.ops.keys import MADE, MAKING, Keys, KeyState, Plan
from infra.ops.place import Place
from infra.ops.refusals import Refused
from shared import items
from shared.tenants import Tenants, TooManyKeys, UnknownTenant, api_key_key
from tests.killed import At, killed
from tests.lost_responses import lost_once

WRITES = [  # of a key's making, in their order
    ("gateway", "CreateApiKey"),
    ("gateway", "CreateUsagePlanKey"),
    ("table", "TransactWriteItems"),
    ("gateway", "UpdateApiKey"),
]


def owner(place: Place, key_id: str) -> str | None:
    """Whose the table says that a key is."""
    item = place.table.read(api_key_key(key_id))
    return str(item["tenant"]) if item else None


def in_gateway(place: Place, tenant: str) -> list[str]:
    """The ids of all keys that the gateway has for a tenant."""
    found = place.gateway.get_api_keys(nameQuery=f"{place.table.name}.{tenant}")["items"]
    return [key["id"] for key in found]


def states(keys: Keys, tenant: str) -> dict[str, KeyState]:
    return {key.id: key.state for key in keys.all(tenant)}


def test_a_key_is_its_tenants_on_its_plan_and_in_use(keys: Keys, tenant: str, standard: Plan, place: Place) -> None:
    made = keys.add(tenant, [standard])
    assert owner(place, made.id) == tenant
    gateway = place.gateway.get_api_key(apiKey=made.id, includeValue=True)
    assert (gateway["value"], gateway["enabled"], gateway["description"]) == (made.value, True, MADE)
    [listed] = keys.all(tenant)
    assert (listed.id, listed.tenant, listed.state, listed.plans) == (made.id, tenant, KeyState.IN_USE, (standard,))


def test_its_value_is_in_no_item_and_no_repr(keys: Keys, tenant: str, standard: Plan, place: Place) -> None:
    made = keys.add(tenant, [standard])
    everything = place.table.client.scan(TableName=place.table.name)["Items"]
    assert made.value not in str([items.unpack(item) for item in everything])
    assert made.value not in repr(made)


def test_nobody_who_is_no_tenant_gets_a_key(keys: Keys, standard: Plan, place: Place) -> None:
    name = f"t-{secrets.token_hex(6)}"
    for make in (lambda: keys.add(name, [standard]), lambda: keys.rotate(name)):
        with pytest.raises(UnknownTenant):
            make()
    assert in_gateway(place, name) == []


def test_a_third_key_is_refused_before_the_gateway_has_it(
    keys: Keys, tenant: str, standard: Plan, place: Place
) -> None:
    two = [keys.add(tenant, [standard]).id for _ in range(2)]
    for make in (lambda: keys.add(tenant, [standard]), lambda: keys.rotate(tenant)):
        with pytest.raises(TooManyKeys):
            make()
    assert in_gateway(place, tenant) == two


@pytest.mark.parametrize("at", At)
@pytest.mark.parametrize(("where", "operation"), WRITES)
def test_what_is_left_of_a_making_goes_with_the_next(
    where: str, operation: str, at: At, keys: Keys, tenant: str, standard: Plan, place: Place
) -> None:
    client = place.gateway if where == "gateway" else place.table.client
    with killed(client, operation, at) as reached:
        keys.add(tenant, [standard])
    assert reached
    whole = 1 if (operation, at) == ("UpdateApiKey", At.AFTER) else 0  # nothing was left to do but to show it
    assert sum(state is KeyState.IN_USE for state in states(keys, tenant).values()) == whole
    made = keys.add(tenant, [standard])
    assert states(keys, tenant)[made.id] is KeyState.IN_USE
    assert len(in_gateway(place, tenant)) == len(keys.all(tenant)) == whole + 1
    assert {owner(place, key) for key in in_gateway(place, tenant)} == {tenant}


@pytest.mark.parametrize(("where", "operation"), WRITES[2:])
def test_what_is_half_made_takes_no_place_of_the_two(
    where: str, operation: str, keys: Keys, tenant: str, standard: Plan, place: Place
) -> None:
    first = keys.add(tenant, [standard])
    client = place.gateway if where == "gateway" else place.table.client
    with killed(client, operation, At.AFTER if where == "table" else At.BEFORE):
        keys.add(tenant, [standard])
    assert sorted(states(keys, tenant).values()) == sorted([KeyState.IN_USE, KeyState.HALF_MADE])
    second, old = keys.rotate(tenant)
    assert old == first.id
    assert states(keys, tenant) == {first.id: KeyState.IN_USE, second.id: KeyState.IN_USE}


def test_a_key_whose_making_was_answered_late_leaves_none_behind_for_long(
    keys: Keys, tenant: str, standard: Plan, place: Place
) -> None:
    with lost_once(place.gateway, "CreateApiKey") as sent:
        made = keys.add(tenant, [standard])
    assert len(sent) == len(in_gateway(place, tenant)) == 2
    assert owner(place, made.id) == tenant
    assert sorted(states(keys, tenant).values()) == sorted([KeyState.IN_USE, KeyState.HALF_MADE])
    keys.rotate(tenant)
    assert set(states(keys, tenant).values()) == {KeyState.IN_USE}


def test_a_removed_key_is_nowhere(keys: Keys, tenant: str, standard: Plan, place: Place) -> None:
    made, other = keys.add(tenant, [standard]), keys.add(tenant, [standard])
    assert keys.remove(made.id) == tenant
    assert owner(place, made.id) is None
    assert in_gateway(place, tenant) == [other.id]
    with pytest.raises(Refused, match="no key"):
        keys.remove(made.id)


@pytest.mark.parametrize("at", At)
def test_a_removal_that_was_broken_off_lets_nobody_in_and_is_finished_by_the_next(
    at: At, keys: Keys, tenant: str, standard: Plan, place: Place
) -> None:
    made = keys.add(tenant, [standard])
    with killed(place.table.client, "TransactWriteItems", At.AFTER):
        keys.remove(made.id)
    assert states(keys, tenant) == {made.id: KeyState.HALF_REMOVED}
    assert owner(place, made.id) is None
    another = keys.add(tenant, [standard])  # takes nothing for its own that somebody was shown
    assert states(keys, tenant) == {made.id: KeyState.HALF_REMOVED, another.id: KeyState.IN_USE}
    with killed(place.gateway, "DeleteApiKey", at):
        keys.remove(made.id)
    if at is At.BEFORE:
        assert keys.remove(made.id) == tenant
    assert states(keys, tenant) == {another.id: KeyState.IN_USE}


def test_a_key_that_is_gone_from_the_gateway_is_told_and_removed(
    keys: Keys, tenant: str, standard: Plan, place: Place
) -> None:
    made = keys.add(tenant, [standard])
    place.gateway.delete_api_key(apiKey=made.id)
    assert states(keys, tenant) == {made.id: KeyState.GONE}
    assert keys.remove(made.id) == tenant
    assert keys.all(tenant) == []


def test_a_key_that_was_disabled_by_hand_is_told_and_stays_so(
    keys: Keys, tenant: str, standard: Plan, place: Place
) -> None:
    made = keys.add(tenant, [standard])
    place.gateway.update_api_key(
        apiKey=made.id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}]
    )
    other = keys.add(tenant, [standard])
    assert states(keys, tenant) == {made.id: KeyState.DISABLED, other.id: KeyState.IN_USE}


def test_a_renamed_key_is_still_its_tenants(keys: Keys, tenant: str, standard: Plan, place: Place) -> None:
    made = keys.add(tenant, [standard])
    place.gateway.update_api_key(
        apiKey=made.id, patchOperations=[{"op": "replace", "path": "/name", "value": "theirs"}]
    )
    assert states(keys, tenant) == {made.id: KeyState.IN_USE}


def test_keys_of_others_in_the_account_are_neither_listed_nor_removed(
    keys: Keys, tenants: Tenants, tenant: str, standard: Plan, place: Place
) -> None:
    neighbour = f"{tenant}-2"
    tenants.add(neighbour, {})
    theirs = keys.add(neighbour, [standard])
    others = [
        place.gateway.create_api_key(name=name, description=MAKING)["id"]
        for name in ("another-api", f"mosaic-prod-jobs.{tenant}", f"{place.table.name}x.{tenant}")
    ]
    assert keys.all(tenant) == []
    keys.add(tenant, [standard])
    assert not {key.id for key in keys.all()} & {*others}
    assert theirs.id in {key.id for key in keys.all()}
    for other in others:
        with pytest.raises(Refused, match="of this deployment"):
            keys.remove(other)
        assert place.gateway.get_api_key(apiKey=other)


def test_rotation_is_on_the_plan_that_the_first_key_is_on(keys: Keys, tenant: str, place: Place) -> None:
    heavy = keys.plan(place.known_as("heavy"))
    first = keys.add(tenant, [heavy])
    second, old = keys.rotate(tenant)
    assert old == first.id
    assert {key.id: key.plans for key in keys.all(tenant)} == {first.id: (heavy,), second.id: (heavy,)}


def test_without_a_key_or_a_plan_there_is_nothing_to_rotate(keys: Keys, tenant: str) -> None:
    with pytest.raises(Refused, match="keys add"):
        keys.rotate(tenant)
    keys.add(tenant, [])
    with pytest.raises(Refused, match="--plan"):
        keys.rotate(tenant)


def test_a_plan_is_found_by_its_short_name_its_full_name_and_its_id(keys: Keys, place: Place) -> None:
    plan = keys.plan(place.known_as("basic"))
    assert plan.name == "mosaic-test-basic"
    assert plan == keys.plan(["mosaic-test-basic"]) == keys.plan([plan.id])


def test_a_plan_that_is_not_there_or_there_twice_is_told_with_those_that_are(keys: Keys, place: Place) -> None:
    with pytest.raises(Refused, match=r"no usage plan gold; there is mosaic-test-basic \("):
        keys.plan(place.known_as("gold"))
    twins = [place.gateway.create_usage_plan(name="twin")["id"] for _ in range(2)]
    with pytest.raises(Refused, match="more than one"):
        keys.plan(place.known_as("twin"))
    assert keys.plan([twins[0]]).id == twins[0]
