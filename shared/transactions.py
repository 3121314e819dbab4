"""Writes of several items at once: all of them or none (DynamoDB Developer Guide, "Managing complex workflows")."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import tenacity
from botocore.exceptions import ClientError

from shared import items

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

    from shared.job_table import JobTable

# Of a cancelled transaction, reasons that pass: another one held an item, or the table was asked for too much.
PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
# All jobs of a tenant meet in the items of its quotas, where one transaction holds off the others for some 10 ms. Of 16
# writers at once, 1 in 20 would give up after ten tries; none does within this time, and a request's 29 s hold two.
PATIENCE_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Reason:
    """Why one action failed its condition, with the item as it is; None where there is none."""

    item: dict[str, JsonValue] | None


class Cancelled(Exception):
    """Conditions failed, nothing was written. `reasons` has a place for each action, None where that one was well."""

    def __init__(self, reasons: Sequence[Reason | None]) -> None:
        super().__init__(f"conditions {[number for number, reason in enumerate(reasons) if reason]} failed")
        self.reasons = reasons


def write(table: JobTable, actions: Sequence[TransactWriteItemTypeDef]) -> None:
    """Write all or none. A conflict with another transaction is waited out; what is left of it then is raised.

    Raises Cancelled where a condition failed. Actions ask for ALL_OLD to see the item that failed it. A token makes
    the retries of one call one write.
    """
    token = secrets.token_hex(16)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        wait=tenacity.wait_random_exponential(multiplier=0.02, max=LONGEST_WAIT_SECONDS),
        stop=tenacity.stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )
    try:
        retrying(
            table.attempts,
            lambda: table.client.transact_write_items(ClientRequestToken=token, TransactItems=list(actions)),
        )
    except ClientError as error:
        reasons = _reasons(error)
        if not any(reasons):
            raise
        raise Cancelled(reasons) from None


def passes(error: BaseException) -> bool:
    """Whether that is a cancelled transaction that may go through later: no condition of it failed."""
    if not isinstance(error, ClientError) or any(_reasons(error)):
        return False
    return any(reason.get("Code") in PASSING for reason in _told(error))


def _reasons(error: ClientError) -> list[Reason | None]:
    return [_reason(told) if told.get("Code") == "ConditionalCheckFailed" else None for told in _told(error)]


def _reason(told: Mapping[str, object]) -> Reason:
    item = cast("Mapping[str, AttributeValueTypeDef] | None", told.get("Item"))
    return Reason(items.unpack(item) if item else None)


def _told(error: ClientError) -> Sequence[Mapping[str, object]]:
    return cast("Sequence[Mapping[str, object]]", error.response.get("CancellationReasons", ()))
