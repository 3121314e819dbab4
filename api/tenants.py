"""Whose request it is: the tenant of the API key that the gateway let in."""

from __future__ import annotations

import time
from http import HTTPStatus

from api.problems import Problem
from shared.job_table import JobTable

CACHE_SECONDS = 60.0

_cache: dict[str, tuple[str, float]] = {}


def tenant_of(api_key_id: str | None, table: JobTable) -> str:
    """The tenant of a key id, from its `KEY#` item, remembered for a minute. There is no default: none is 403."""
    if not api_key_id:
        raise _forbidden()
    known = _cache.get(api_key_id)
    if known and known[1] > time.monotonic():
        return known[0]
    item = table.read({"pk": f"KEY#{api_key_id}", "sk": "KEY"})
    if item is None:
        raise _forbidden()
    tenant = str(item["tenant"])
    _cache[api_key_id] = (tenant, time.monotonic() + CACHE_SECONDS)
    return tenant


def _forbidden() -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "forbidden", "This API key belongs to no tenant. Ask its issuer for another.")
