"""What a creating call is known by, so that it is done once: an item of its own, written with what the call makes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared import items
from shared.errors import KeyReused
from shared.job_table import old_item
from shared.resources import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import PutTypeDef

    from shared.job_table import JobTable

LIFE_SECONDS = 60 * DAY  # of a key that outlives what it made
LONGEST_SECONDS = 400 * DAY  # of one that goes with it: a net
LEAST_SECONDS = DAY  # from its first use on, a key is known at least so long
ONCE = "ONCE"


@dataclass(frozen=True)
class Once:
    """A key, as the partition of its item, and a hash of what the call asked for.

    One that a client chose goes with the job or batch that it made; the service's own live for two months. With
    `instead_of`, it is taken from the job of that id.
    """

    partition: str
    body_hash: str
    outlives: bool = False
    instead_of: str = ""

    @classmethod
    def by_idempotency_key(cls, tenant: str, key: str, body_hash: str) -> Once:
        """An `Idempotency-Key` of a tenant."""
        return cls(f"IDEM#{tenant}#{_hash(key)}", body_hash)

    @classmethod
    def by_custom_id(cls, batch: str, custom_id: str, body_hash: str) -> Once:
        """A `custom_id` within its batch."""
        return cls(f"BATCH#{batch}#{_hash(custom_id)}", body_hash)

    @classmethod
    def by_replay(cls, job_id: str) -> Once:
        """The replay of a job, which is by another one."""
        return cls(f"REPLAY#{job_id}", job_id, outlives=True)

    @classmethod
    def by_self_score(cls, tenant: str, sha256: str, created: float) -> Once:
        """The scoring of a stored reference against itself: one at a time, for as long as it is stored."""
        return cls(f"REF#{tenant}#{sha256}#{created}", sha256, outlives=True)

    def put(self, table: JobTable, made: str, now: float) -> PutTypeDef:
        """The write that holds the key for what is made, by its id; it fails where the key is held."""
        record: dict[str, JsonValue] = {
            **_key(self.partition),
            "made": made,
            "body_hash": self.body_hash,
            "expires_at": int(now) + (LIFE_SECONDS if self.outlives else LONGEST_SECONDS),
        }
        return {
            "TableName": table.name,
            "Item": items.pack(record),
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at < :now OR made = :instead_of",
            "ExpressionAttributeValues": items.pack({":now": int(now), ":instead_of": self.instead_of}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def held(self, table: JobTable, now: float) -> dict[str, JsonValue] | None:
        """The item that holds the key, None where it is free."""
        item = table.read(_key(self.partition))
        return item if item and int(str(item["expires_at"])) >= int(now) else None

    def made(self, item: Mapping[str, JsonValue]) -> str:
        """The id of what was made with the item which holds this key. Raises KeyReused."""
        if item["body_hash"] != self.body_hash:
            raise KeyReused(self.partition)
        return str(item["made"])


def made_gone(table: JobTable, held: str | None, made: str, used_at: float, now: float) -> None:
    """What a key made is gone: so is the key, once a day has passed since it was used. Again is harmless.

    `held` is the key's partition, None where there was no key.
    """
    if held is None:
        return
    key, until = _key(held), int(max(used_at + LEAST_SECONDS, now))
    try:
        table.attempts(
            lambda: table.client.update_item(
                TableName=table.name,
                Key=items.pack(key),
                UpdateExpression="SET expires_at = :until",
                ConditionExpression="made = :made",
                ExpressionAttributeValues=items.pack({":made": made, ":until": until}),
            )
        )
    except ClientError as error:
        old_item(error)  # gone, or used for another since


def _key(partition: str) -> dict[str, JsonValue]:
    return {"pk": partition, "sk": ONCE}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
