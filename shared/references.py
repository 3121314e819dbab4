"""Stored references: clean speech that a tenant keeps by its hash, for any of its jobs to name.

All of a tenant's are one partition, `REF#<tenant>`: so each is found by its hash and all are listed by one query. A
reference is `REF#<sha256>` there, and only while its object is stored and its hash verified. What its owner says of it
before that is `ASKED#<sha256>`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from shared import items, transactions
from shared.change import Change, expressions
from shared.job import Sha256
from shared.job_table import old_item
from shared.object_keys import ReferenceName, reference_key
from shared.quotas import Spending, why_refused
from shared.resources import DAY
from shared.transactions import Cancelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

    from shared.job_table import JobTable
    from shared.jobs import Clock

LIFE_SECONDS = 30 * DAY  # from when it was stored or last named: a job that names it has ended by then, see lives.py
ASKED_SECONDS = DAY
_REFERENCE = "REF#"
_ASKED = "ASKED#"


class SelfScore(BaseModel):
    """What a reference scored against itself: the most that anything can score against it there. `mos_lqo` in MOS."""

    model_config = ConfigDict(frozen=True)

    mos_lqo: float | None
    mode: str
    engine: str
    version: str


class Reference(BaseModel):
    """A stored reference as the table holds it. Times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    sha256: Sha256
    bytes: int
    sample_rate_hz: int
    seconds: float
    label: str | None = None
    created: float
    stored_at: float = Field(description="When its object was last written, by S3's clock, in whole seconds.")
    expires_at: int
    self_score: SelfScore | None = None

    @property
    def name(self) -> ReferenceName:
        """What it is known by."""
        return ReferenceName(self.tenant, self.sha256)

    @property
    def key(self) -> str:
        """Where its object lies."""
        return reference_key(*self.name)


class Refusal(BaseModel):
    """Why what was uploaded is no reference: the rule that was broken, and what to do."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class Asked(BaseModel):
    """What its owner said of a reference that is to be stored, and why its upload was refused, if it was."""

    model_config = ConfigDict(frozen=True)

    label: str | None = None
    check: bool = Field(False, description="Score it against itself once it is stored.")
    refusal: Refusal | None = None


class References:
    """The stored references' items."""

    def __init__(self, table: JobTable, clock: Clock = time.time) -> None:
        self._table = table
        self._clock = clock

    def find(self, name: ReferenceName) -> Reference | None:
        """The reference, read consistently; None where it is not stored."""
        return _reference(self._table.read(_key(name)))

    def use(self, name: ReferenceName, label: str | None = None) -> Reference | None:
        """The reference, its life moved to 30 days ahead, with a new label if given; None where it is not stored."""
        labelled: dict[str, JsonValue] = {} if label is None else {"label": label}
        return self._set(name, {"expires_at": int(self._clock()) + LIFE_SECONDS, **labelled})

    def page(self, tenant: str, most: int, after: str | None = None) -> tuple[list[Reference], str | None]:
        """A tenant's references by hash, so many at most, from behind that hash on; and the last one's hash where
        there may be more.
        """
        asked: QueryInputTypeDef = {
            "TableName": self._table.name,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :kind)",
            "ExpressionAttributeValues": items.pack({":pk": _partition(tenant), ":kind": _REFERENCE}),
            "Limit": most,
        }
        if after:
            asked["ExclusiveStartKey"] = items.pack(_key(ReferenceName(tenant, after)))
        response = self._table.client.query(**asked)
        found = [Reference.model_validate(items.unpack(item)) for item in response["Items"]]
        return found, found[-1].sha256 if found and "LastEvaluatedKey" in response else None

    def store(self, reference: Reference, spendings: Sequence[Spending] = ()) -> Reference:
        """Note that it is stored and verified, at the cost of these quotas: its item as it then is.

        One that is there already only has its `stored_at` set, at no cost. Raises QuotaExceeded.
        """
        item: dict[str, JsonValue] = {**_key(reference.name), **reference.model_dump(mode="json", exclude_none=True)}
        actions: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self._table.name,
                    "Item": items.pack(item),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
        ]
        actions += [{"Update": spending.action} for spending in spendings]
        try:
            transactions.write(self._table, actions)
        except Cancelled as cancelled:
            if cancelled.reasons[0] is None:
                raise why_refused(cancelled, spendings) from None
            return self._set(reference.name, {"stored_at": reference.stored_at}) or reference
        return reference

    def note_self_score(self, name: ReferenceName, score: SelfScore) -> None:
        """Note what it scored against itself. One that is gone needs no note."""
        self._set(name, {"self_score": score.model_dump(mode="json")})

    def remove(self, name: ReferenceName) -> bool:
        """Take it out of the table; whether it was there."""
        response = self._table.attempts(
            lambda: self._table.client.delete_item(
                TableName=self._table.name, Key=items.pack(_key(name)), ReturnValues="ALL_OLD"
            )
        )
        return "Attributes" in response

    def ask(self, name: ReferenceName, asked: Asked) -> None:
        """Keep for a day what is said of a reference that is to be stored. The last word counts."""
        item: dict[str, JsonValue] = {
            **_key(name, _ASKED),
            **asked.model_dump(mode="json", exclude_none=True),
            "expires_at": int(self._clock()) + ASKED_SECONDS,
        }
        self._table.attempts(lambda: self._table.client.put_item(TableName=self._table.name, Item=items.pack(item)))

    def asked(self, name: ReferenceName) -> Asked | None:
        """What was said of a reference that is not stored yet; None where it was not asked for within a day."""
        item = self._table.read(_key(name, _ASKED))
        return Asked.model_validate(item) if item else None

    def done(self, name: ReferenceName) -> None:
        """Forget what was asked for: it was done."""
        key = items.pack(_key(name, _ASKED))
        self._table.attempts(lambda: self._table.client.delete_item(TableName=self._table.name, Key=key))

    def _set(self, name: ReferenceName, values: Mapping[str, JsonValue]) -> Reference | None:
        change = expressions(Change(values), Attr("pk").exists())
        try:
            response = self._table.attempts(
                lambda: self._table.client.update_item(
                    TableName=self._table.name,
                    Key=items.pack(_key(name)),
                    ReturnValues="ALL_NEW",
                    **change,
                )
            )
        except ClientError as error:
            old_item(error)
            return None
        return _reference(items.unpack(response["Attributes"]))


def _reference(item: Mapping[str, JsonValue] | None) -> Reference | None:
    return Reference.model_validate(item) if item else None


def _partition(tenant: str) -> str:
    return f"REF#{tenant}"


def _key(name: ReferenceName, kind: str = _REFERENCE) -> dict[str, JsonValue]:
    return {"pk": _partition(name.tenant), "sk": kind + name.sha256}
