"""API keys: one in the gateway, which knows its value, and an item in the table, which says whose it is.

A key is made in four writes. Until the last one its description in the gateway says so, and nobody has been shown its
value: what is left of a making that was broken off is taken away by the next one.

API Gateway API Reference: CreateApiKey, CreateUsagePlanKey, UpdateApiKey, GetApiKeys (whose `nameQuery` is a prefix).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.ops.refusals import Refused
from shared.tenants import MOST_KEYS, TooManyKeys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_apigateway.type_defs import ApiKeyTypeDef

    from shared.tenants import Tenants

MAKING = "Being made by Mosaic: nobody has it yet."
MADE = "A tenant's key to Mosaic."


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. `value` is what clients send: it is known here and now only."""

    id: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """A usage plan of the gateway."""

    id: str
    name: str


class KeyState(StrEnum):
    """What a key is good for."""

    IN_USE = "in use"
    DISABLED = "disabled"  # in the gateway, by hand
    HALF_MADE = "half made"  # its making was broken off: the tenant's next one takes it away
    HALF_REMOVED = "half removed"  # nobody's any more, and still in the gateway
    GONE = "gone"  # somebody's, and not in the gateway


@dataclass(frozen=True)
class Key:
    """A key as gateway and table know it. `made` is None where it is gone from the gateway."""

    id: str
    tenant: str
    state: KeyState
    made: datetime | None = None
    plans: tuple[Plan, ...] = ()


class Keys:
    """The keys of one deployment, which are told from others in the account by the name of its table."""

    def __init__(self, gateway: APIGatewayClient, tenants: Tenants, table: str) -> None:
        self._gateway = gateway
        self._tenants = tenants
        self._prefix = f"{table}."

    def plan(self, names: Collection[str]) -> Plan:
        """The one usage plan whose id or name is among these. Raises Refused."""
        plans = [*self._plans()]
        found = [plan for plan in plans if {plan.id, plan.name} & {*names}]
        if len(found) == 1:
            return found[0]
        there = ", ".join(f"{plan.name} ({plan.id})" for plan in found or plans) or "none at all"
        wanted = min(names, key=len)
        if found:
            raise Refused(f"{wanted} is the name of more than one usage plan: {there}. Name one by its id.")
        raise Refused(f"There is no usage plan {wanted}; there is {there}.")

    def add(self, tenant_id: str, plans: Sequence[Plan]) -> NewKey:
        """A new key for a tenant, on these plans. Raises UnknownTenant, TooManyKeys."""
        if len(self._whole(tenant_id)) >= MOST_KEYS:
            raise TooManyKeys(tenant_id)
        made = self._gateway.create_api_key(name=self._prefix + tenant_id, description=MAKING, enabled=True)
        for plan in plans:
            self._gateway.create_usage_plan_key(usagePlanId=plan.id, keyId=made["id"], keyType="API_KEY")
        self._tenants.add_key(tenant_id, made["id"])
        self._gateway.update_api_key(
            apiKey=made["id"], patchOperations=[{"op": "replace", "path": "/description", "value": MADE}]
        )
        return NewKey(made["id"], made["value"])

    def rotate(self, tenant_id: str) -> tuple[NewKey, str]:
        """A second key, on the plans of the tenant's only one, and that one's id.

        Raises Refused, UnknownTenant, TooManyKeys.
        """
        keys = self._whole(tenant_id)
        if not keys:
            raise Refused(f"{tenant_id} has no key to change from. `keys add {tenant_id}` makes the first.")
        plans = [*self._plans(keys[0])]
        if not plans:
            raise Refused(f"Key {keys[0]} is on no usage plan. `keys add {tenant_id} --plan …` makes one that is.")
        return self.add(tenant_id, plans), keys[0]

    def remove(self, key_id: str) -> str:
        """Take a key away, first in the table: the API refuses it within a minute. Whose it was. Raises Refused."""
        owner, known = self._tenants.remove_key(key_id), self._known(key_id)
        named = self._named_for(known)
        if owner is None and named is None:
            raise Refused(f"There is no key {key_id} of this deployment. `keys list` shows those that there are.")
        if known:
            self._gateway.delete_api_key(apiKey=key_id)
        return owner or str(named)

    def all(self, tenant_id: str | None = None) -> list[Key]:
        """Every key, or those of a tenant, the oldest first. Raises UnknownTenant."""
        tenants = [self._tenants.get(name) for name in ([tenant_id] if tenant_id else self._tenants.ids())]
        owners = {key_id: tenant.id for tenant in tenants for key_id in tenant.keys}
        known = {key["id"]: key for key in self._made_for(tenant_id)}
        known |= {key_id: key for key_id in owners.keys() - known if (key := self._known(key_id))}
        gone = [Key(key_id, owners[key_id], KeyState.GONE) for key_id in owners.keys() - known]
        return gone + [self._key(key, owners) for key in sorted(known.values(), key=lambda key: key["createdDate"])]

    def _key(self, known: ApiKeyTypeDef, owners: dict[str, str]) -> Key:
        owner = owners.get(known["id"])
        if known.get("description") == MAKING:
            state = KeyState.HALF_MADE
        elif owner is None:
            state = KeyState.HALF_REMOVED
        else:
            state = KeyState.IN_USE if known["enabled"] else KeyState.DISABLED
        tenant = owner or str(self._named_for(known))
        return Key(known["id"], tenant, state, known["createdDate"], tuple(self._plans(known["id"])))

    def _whole(self, tenant_id: str) -> list[str]:
        """The ids of a tenant's keys, after what was half made of any is taken away. Raises UnknownTenant."""
        self._tenants.get(tenant_id)
        for key in [*self._made_for(tenant_id)]:
            if key.get("description") == MAKING:
                self.remove(key["id"])
        return [*self._tenants.get(tenant_id).keys]

    def _made_for(self, tenant_id: str | None) -> Iterator[ApiKeyTypeDef]:
        for page in self._gateway.get_paginator("get_api_keys").paginate(nameQuery=self._prefix + (tenant_id or "")):
            for key in page["items"]:
                if tenant_id in (None, self._named_for(key)):
                    yield key

    def _known(self, key_id: str) -> ApiKeyTypeDef | None:
        try:
            return self._gateway.get_api_key(apiKey=key_id)  # type: ignore[return-value]
        except self._gateway.exceptions.NotFoundException:
            return None

    def _named_for(self, key: ApiKeyTypeDef | None) -> str | None:
        """The tenant that a key's name says; None where it is no name of this deployment's."""
        prefix, dot, tenant_id = (key or {}).get("name", "").rpartition(".")
        return tenant_id if prefix + dot == self._prefix else None

    def _plans(self, key_id: str | None = None) -> Iterator[Plan]:
        """The usage plans, or those that a key is on."""
        pages = self._gateway.get_paginator("get_usage_plans")
        for page in pages.paginate(keyId=key_id) if key_id else pages.paginate():
            for plan in page["items"]:
                yield Plan(plan["id"], plan["name"])
