"""Keys over any history of making, changing and removing, each of which may be killed at any of its writes."""

from __future__ import annotations

import secrets
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from infra.ops.keys import Key, Keys, KeyState, Plan
from infra.ops.place import Place
from infra.ops.refusals import Refused
from shared.tenants import MOST_KEYS, TooManyKeys, api_key_key
from tests.killed import At, killed

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

WRITES = ("CreateApiKey", "CreateUsagePlanKey", "TransactWriteItems", "UpdateApiKey", "DeleteApiKey")
DEATHS = st.none() | st.tuples(st.sampled_from(WRITES), st.sampled_from(At))

Death = tuple[str, At] | None


class KeyLives(RuleBasedStateMachine):
    """One tenant and its operator, who knows which keys were shown and which were to go."""

    place: Place
    plan: Plan

    def __init__(self) -> None:
        super().__init__()
        self.keys = Keys(self.place.gateway, self.place.tenants, self.place.table.name)
        self.tenant = f"t-{secrets.token_hex(6)}"
        self.place.tenants.add(self.tenant, {})
        self.shown: set[str] = set()
        self.removed: set[str] = set()

    @rule(death=DEATHS)
    def add(self, death: Death) -> None:
        with self._dying(death), suppress(TooManyKeys):
            self.shown.add(self.keys.add(self.tenant, [self.plan]).id)

    @rule(death=DEATHS)
    def rotate(self, death: Death) -> None:
        with self._dying(death), suppress(TooManyKeys, Refused):
            self.shown.add(self.keys.rotate(self.tenant)[0].id)

    @precondition(lambda self: self.shown)
    @rule(death=DEATHS, data=st.data())
    def remove(self, death: Death, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.shown)))
        with self._dying(death):
            self.keys.remove(key)
        if self._owner(key) is None:
            self.shown.discard(key)
            self.removed.add(key)

    @invariant()
    def what_was_shown_works_until_it_is_removed(self) -> None:
        for key in self.shown:
            assert self._owner(key) == self.tenant
            assert [plan.id for plan in self._listed(key).plans] == [self.plan.id]

    @invariant()
    def what_was_removed_never_works_again(self) -> None:
        assert [self._owner(key) for key in self.removed] == [None] * len(self.removed)

    @invariant()
    def there_are_never_more_than_two(self) -> None:
        owned = self.place.tenants.get(self.tenant).keys
        assert len(owned) <= MOST_KEYS
        assert all(self._owner(key) == self.tenant for key in owned)

    def teardown(self) -> None:
        for key in self.keys.all(self.tenant):
            self.keys.remove(key.id)
        assert self.keys.all(self.tenant) == []
        assert self.place.gateway.get_api_keys(nameQuery=f"{self.place.table.name}.{self.tenant}")["items"] == []
        self.place.tenants.remove(self.tenant)

    def _dying(self, death: Death) -> AbstractContextManager[object]:
        if death is None:
            return nullcontext()
        operation, at = death
        client = self.place.table.client if operation == "TransactWriteItems" else self.place.gateway
        return killed(client, operation, at)

    def _owner(self, key: str) -> str | None:
        item = self.place.table.read(api_key_key(key))
        return str(item["tenant"]) if item else None

    def _listed(self, key: str) -> Key:
        [listed] = [listed for listed in self.keys.all(self.tenant) if listed.id == key]
        assert listed.state is KeyState.IN_USE
        return listed


def test_whatever_an_operator_does_and_wherever_it_ends_shown_keys_work_and_removed_ones_do_not(
    place: Place, standard: Plan
) -> None:
    class Here(KeyLives):
        """Where this test is."""

    Here.place, Here.plan = place, standard
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=12,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
