"""Whose request it is: the tenant of the API key that the gateway let in, and what that tenant may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.problem_kinds import Kind
from api.problems import Problem
from api.remembered import Memory, remembered
from shared.job_table import JobTable
from shared.quotas import Limits
from shared.tenants import api_key_key, tenant_key

CACHE_SECONDS = 60.0

_cache: Memory[Tenant] = {}  # by the key of the item that says it


@dataclass(frozen=True)
class Tenant:
    """Who owns API keys, and its limits."""

    id: str
    limits: Limits


def caller(event: Mapping[str, object], table: JobTable) -> Tenant:
    """The tenant that a request of API Gateway comes from. Raises a 403 Problem where its key is nobody's."""
    context = event["requestContext"]
    identity = context.get("identity") if isinstance(context, Mapping) else None
    return tenant_of((identity or {}).get("apiKeyId"), table)


def tenant_of(api_key_id: str | None, table: JobTable) -> Tenant:
    """The tenant of a key id, from its `KEY#` item, remembered for a minute. There is no default: none is 403."""
    if not api_key_id:
        raise _forbidden()
    return remembered(_cache, f"KEY#{api_key_id}", CACHE_SECONDS, lambda: _of_key(api_key_id, table))


def tenant_named(tenant_id: str, table: JobTable) -> Tenant:
    """A tenant with the limits of its `TENANT#` item, remembered likewise; what that leaves out is by default."""
    return remembered(_cache, f"TENANT#{tenant_id}", CACHE_SECONDS, lambda: _named(tenant_id, table))


def _of_key(api_key_id: str, table: JobTable) -> Tenant:
    item = table.read(api_key_key(api_key_id))
    if item is None:
        raise _forbidden()
    return tenant_named(str(item["tenant"]), table)


def _named(tenant_id: str, table: JobTable) -> Tenant:
    item = table.read(tenant_key(tenant_id)) or {}
    return Tenant(tenant_id, Limits.model_validate(item.get("limits") or {}))


def _forbidden() -> Problem:
    return Problem(Kind.FORBIDDEN, "This API key belongs to no tenant. Ask its issuer for another.")
