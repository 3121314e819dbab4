"""What a creating call is known by, so that it is done once: an item of its own, written with the job that it makes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import items
from shared.errors import KeyReused
from shared.resources import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import PutTypeDef

    from shared.job_table import JobTable

LIFE_SECONDS = 60 * DAY  # longer than any job lives


@dataclass(frozen=True)
class Once:
    """A key that its owner chose, within a partition, and a hash of what the call asked for."""

    partition: str
    key: str
    body_hash: str

    @classmethod
    def by_idempotency_key(cls, tenant: str, key: str, body_hash: str) -> Once:
        """An `Idempotency-Key` of a tenant."""
        return cls(f"IDEM#{tenant}#{_hash(key)}", "IDEM", body_hash)

    @classmethod
    def by_custom_id(cls, batch: str, custom_id: str, body_hash: str) -> Once:
        """A `custom_id` within its batch."""
        return cls(f"BATCH#{batch}#{_hash(custom_id)}", "ITEM", body_hash)

    @classmethod
    def by_replay(cls, job_id: str) -> Once:
        """The replay of a job, which is by another one."""
        return cls(f"REPLAY#{job_id}", "REPLAY", job_id)

    @classmethod
    def by_self_score(cls, tenant: str, sha256: str, created: float) -> Once:
        """The scoring of a stored reference against itself: once, for as long as it is stored."""
        return cls(f"REF#{tenant}#{sha256}#{created}", "SCORED", sha256)

    def put(self, table: JobTable, job_id: str, now: float) -> PutTypeDef:
        """The write that holds the key for a job; it fails where the key is held."""
        record: dict[str, JsonValue] = {
            "pk": self.partition,
            "sk": self.key,
            "job": job_id,
            "body_hash": self.body_hash,
            "expires_at": int(now) + LIFE_SECONDS,
        }
        return {
            "TableName": table.name,
            "Item": items.pack(record),
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at < :now",
            "ExpressionAttributeValues": items.pack({":now": int(now)}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def job_of(self, item: Mapping[str, JsonValue]) -> str:
        """The id of the job that the item which holds this key was written with. Raises KeyReused."""
        if item["body_hash"] != self.body_hash:
            raise KeyReused(self.partition)
        return str(item["job"])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
