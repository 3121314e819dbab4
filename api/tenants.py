"""Whose request it is: the tenant of the API key that the gateway let in, and what that tenant may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.problem_kinds import Kind
from api.problems import Problem
from api.remembered import Memory, remembered
from shared.job_table import JobTable
from shared.limits import Limits
from shared.tenants import api_key_key, tenant_key

CACHE_SECONDS = 60.0

_owners: Memory[str] = {}  # whose a key is, by its id
_cache: Memory[Tenant] = {}  # by their ids


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
    """The tenant of a key id, from its `KEY#` item, remembered for a minute. There is no default: none is 403.

    What it may use is remembered apart, so that neither is older than that.
    """
    if not api_key_id:
        raise _forbidden()
    return tenant_named(remembered(_owners, api_key_id, CACHE_SECONDS, lambda: _owner(api_key_id, table)), table)


def tenant_named(tenant_id: str, table: JobTable) -> Tenant:
    """A tenant with the limits of its `TENANT#` item, remembered likewise; what that leaves out is by default."""
    return remembered(_cache, tenant_id, CACHE_SECONDS, lambda: _named(tenant_id, table))


def _owner(api_key_id: str, table: JobTable) -> str:
    item = table.read(api_key_key(api_key_id))
    if item is None:
        raise _forbidden()
    return str(item["tenant"])


def _named(tenant_id: str, table: JobTable) -> Tenant:
    item = table.read(tenant_key(tenant_id)) or {}
    return Tenant(tenant_id, Limits.model_validate(item.get("limits") or {}))


def _forbidden() -> Problem:
    return Problem(Kind.FORBIDDEN, "This API key belongs to no tenant. Ask its issuer for another.")
