"""Tenants, who own API keys, as items: what each may use, and which keys are its own.

`TENANT#<id>` / `TENANT` holds a tenant's limits and the ids of its keys, `KEY#<apiKeyId>` / `KEY` says whose a key is,
and `TENANTS` / `<id>` is there so that one query finds them all.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from shared import items, transactions
from shared.change import Change, expressions
from shared.job_table import new_op, old_item
from shared.limits import Limits, Quota
from shared.transactions import Cancelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3.dynamodb.conditions import ConditionBase
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import DeleteTypeDef, PutTypeDef, TransactWriteItemTypeDef, UpdateTypeDef

    from shared.job_table import JobTable
    from shared.jobs import Clock

# It is part of keys in the table and the bucket, and of names in the gateway, where a dot stands before it.
TenantId = Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9])*$", max_length=63)]

MOST_KEYS = 2  # one in use, and one to change over to

_REGISTER = "TENANTS"


class UnknownTenant(Exception):
    """There is no such tenant."""


class TenantExists(Exception):
    """There is a tenant of that name already."""


class TooManyKeys(Exception):
    """The tenant has MOST_KEYS keys."""


class HasKeys(Exception):
    """The tenant has keys, so it cannot go."""


class Tenant(BaseModel):
    """A tenant as the table holds it. Times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    id: str
    limits: dict[Quota, int] = Field(default_factory=dict, description="Those that are not by default.")
    keys: dict[str, float] = Field(default_factory=dict, description="Since when each key, by its id, is its own.")
    added_at: float
    changed_at: float | None = Field(None, description="When its limits or its keys last changed.")

    @property
    def all_limits(self) -> Limits:
        """Its limits, those by default too."""
        return Limits.model_validate(self.limits)


class Tenants:
    """The items of tenants and of their keys."""

    def __init__(self, table: JobTable, clock: Clock = time.time) -> None:
        self._table = table
        self._clock = clock

    def get(self, tenant_id: str) -> Tenant:
        """The tenant, read consistently. Raises UnknownTenant."""
        item = self._table.read(tenant_key(tenant_id))
        if item is None:
            raise UnknownTenant(tenant_id)
        return _tenant(tenant_id, item)

    def ids(self) -> list[str]:
        """The id of every tenant, in order."""
        pages = self._table.client.get_paginator("query").paginate(
            TableName=self._table.name,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.pack({":pk": _REGISTER}),
        )
        return [str(items.unpack(item)["sk"]) for page in pages for item in page["Items"]]

    def add(self, tenant_id: str, limits: Mapping[Quota, int]) -> Tenant:
        """A new tenant; `limits` are those that are not by default. Raises TenantExists."""
        tenant = Tenant(id=tenant_id, limits=dict(limits), added_at=self._clock())
        marked: dict[str, JsonValue] = {**tenant.model_dump(mode="json", exclude={"id"}), "last_op": new_op()}
        put = self._put({**tenant_key(tenant_id), **marked})
        put["ConditionExpression"] = "attribute_not_exists(pk)"
        try:
            transactions.write(self._table, [{"Put": put}, {"Put": self._put(_registered(tenant_id))}])
        except Cancelled as cancelled:
            stands = _stands(cancelled)
            if stands is None or stands.get("last_op") != marked["last_op"]:
                raise TenantExists(tenant_id) from None
        return tenant

    def limit(self, tenant_id: str, limits: Mapping[Quota, int | None]) -> Tenant:
        """Set these limits, None to the default; the tenant as it then is. Raises UnknownTenant."""
        own: dict[str, JsonValue] = {f"limits.{quota}": limit for quota, limit in limits.items() if limit is not None}
        default = tuple(f"limits.{quota}" for quota, limit in limits.items() if limit is None)
        update = self._update(tenant_id, Change(own, remove=default), Attr("pk").exists())
        try:
            response = self._table.client.update_item(**update, ReturnValues="ALL_NEW")
        except ClientError as error:
            old_item(error)
            raise UnknownTenant(tenant_id) from None
        return _tenant(tenant_id, items.unpack(response["Attributes"]))

    def remove(self, tenant_id: str) -> None:
        """Take out a tenant that has no keys; what it used stays for the accounts. Raises UnknownTenant, HasKeys."""
        self.get(tenant_id)
        gone = self._delete(tenant_key(tenant_id))
        gone["ConditionExpression"] = "size(#keys) = :none"
        gone["ExpressionAttributeNames"] = {"#keys": "keys"}
        gone["ExpressionAttributeValues"] = items.pack({":none": 0})
        try:
            transactions.write(self._table, [{"Delete": gone}, {"Delete": self._delete(_registered(tenant_id))}])
        except Cancelled as cancelled:
            raise (HasKeys if _stands(cancelled) else UnknownTenant)(tenant_id) from None

    def add_key(self, tenant_id: str, key_id: str) -> None:
        """Make a key the tenant's; again is the same as once. Raises UnknownTenant, TooManyKeys."""
        self.get(tenant_id)
        room = Attr("keys").size().lt(MOST_KEYS) | Attr(f"keys.{key_id}").exists()
        update = self._update(tenant_id, Change({f"keys.{key_id}": self._clock()}), Attr("pk").exists() & room)
        whose: dict[str, JsonValue] = {**api_key_key(key_id), "tenant": tenant_id}
        try:
            transactions.write(self._table, [{"Update": update}, {"Put": self._put(whose)}])
        except Cancelled as cancelled:
            raise (TooManyKeys if _stands(cancelled) else UnknownTenant)(tenant_id) from None

    def remove_key(self, key_id: str) -> str | None:
        """Let a key be nobody's: whose it was, None where it was nobody's."""
        item = self._table.read(api_key_key(key_id))
        if item is None:
            return None
        tenant_id = str(item["tenant"])
        actions: list[TransactWriteItemTypeDef] = [{"Delete": self._delete(api_key_key(key_id))}]
        if self._table.read(tenant_key(tenant_id)):
            forget = Change({}, remove=(f"keys.{key_id}",))
            actions.append({"Update": self._update(tenant_id, forget, Attr("pk").exists())})
        transactions.write(self._table, actions)
        return tenant_id

    def _put(self, item: dict[str, JsonValue]) -> PutTypeDef:
        return {
            "TableName": self._table.name,
            "Item": items.pack(item),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _delete(self, key: dict[str, JsonValue]) -> DeleteTypeDef:
        return {
            "TableName": self._table.name,
            "Key": items.pack(key),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _update(self, tenant_id: str, change: Change, condition: ConditionBase) -> UpdateTypeDef:
        return {
            "TableName": self._table.name,
            "Key": items.pack(tenant_key(tenant_id)),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **expressions(change.setting({"changed_at": self._clock()}), condition),
        }


def tenant_key(tenant_id: str) -> dict[str, JsonValue]:
    """The key of a tenant's item."""
    return {"pk": f"TENANT#{tenant_id}", "sk": "TENANT"}


def api_key_key(key_id: str) -> dict[str, JsonValue]:
    """The key of the item that says whose an API key is, by the gateway's id of it."""
    return {"pk": f"KEY#{key_id}", "sk": "KEY"}


def _registered(tenant_id: str) -> dict[str, JsonValue]:
    return {"pk": _REGISTER, "sk": tenant_id}


def _tenant(tenant_id: str, item: Mapping[str, JsonValue]) -> Tenant:
    return Tenant.model_validate({**item, "id": tenant_id})


def _stands(cancelled: Cancelled) -> dict[str, JsonValue] | None:
    """The tenant's item, which is the first that these transactions are about, where it failed its condition."""
    first = cancelled.reasons[0]
    return first.item if first else None
