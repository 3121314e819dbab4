"""API keys, as API Gateway keeps them: the value that clients send, and the id that functions are told.

The values are in a file that only its owner can read. Which tenant an id is stands in the table.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shared import items
from shared.job_table import JobTable
from shared.tenants import TenantExists, Tenants, api_key_key

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_PRIVATE = 0o600


@dataclass(frozen=True)
class ApiKey:
    """A key: what functions are told, and what clients send, which is secret."""

    id: str
    value: str = field(repr=False)


class KeyRing:
    """Key values and their ids. Another process's additions are seen at the first use of such a key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ids = self._read()

    def id_of(self, value: str | None) -> str | None:
        """The id of the key with that value, or None where there is no such key."""
        if not value:
            return None
        if value not in self._ids:
            self._ids = self._read()
        return self._ids.get(value)

    def add(self) -> ApiKey:
        """A new key."""
        key = ApiKey(id=secrets.token_hex(5), value=secrets.token_urlsafe(30))
        self._ids = {**self._read(), key.value: key.id}
        write_private(self.path, json.dumps(self._ids))
        return key

    def _read(self) -> dict[str, str]:
        try:
            ids: dict[str, str] = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        return ids


def put_key(dynamodb: DynamoDBClient, table: str, key_id: str, tenant: str) -> None:
    """Let the table say whose key that is, and that there is such a tenant. Again is the same as once."""
    with suppress(TenantExists):
        Tenants(JobTable(dynamodb, table)).add(tenant, {})
    dynamodb.put_item(TableName=table, Item=items.pack({**api_key_key(key_id), "tenant": tenant}))


def write_private(path: Path, text: str) -> None:
    """Replace a file, whole, by one that only its owner can read."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as file:
        file.write(text)
    temporary.replace(path)
