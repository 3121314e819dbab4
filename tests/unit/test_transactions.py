"""Writes of several items: conflicts are waited out under one token, all else is told at once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from shared import items, transactions
from shared.job_table import JobTable
from shared.transactions import Cancelled


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "LONGEST_WAIT_SECONDS", 0)


@contextmanager
def cancelled_first(table: JobTable, reasons: list[str], times: int = 1) -> Iterator[list[str]]:
    """The first such calls are cancelled for these reasons; the tokens of all of them."""
    tokens: list[str] = []

    def note(params: dict[str, object], **_: object) -> None:
        tokens.append(str(params["ClientRequestToken"]))

    def cancel(**_: object) -> tuple[SimpleNamespace, dict[str, object]] | None:
        if len(tokens) > times:
            return None
        told = {"Error": {"Code": "TransactionCanceledException", "Message": "m"}}
        return SimpleNamespace(status_code=400), {**told, "CancellationReasons": [{"Code": code} for code in reasons]}

    events = table.client.meta.events
    events.register("provide-client-params.dynamodb.TransactWriteItems", note)
    events.register("before-call.dynamodb.TransactWriteItems", cancel)  # type: ignore[arg-type]  # its answer counts
    try:
        yield tokens
    finally:
        events.unregister("provide-client-params.dynamodb.TransactWriteItems", note)
        events.unregister("before-call.dynamodb.TransactWriteItems", cancel)  # type: ignore[arg-type]


def write(table: JobTable) -> str:
    """Put one item that is new; its key."""
    key = secrets.token_hex(8)
    put = {"TableName": table.name, "Item": items.pack({"pk": key, "sk": "x"})}
    transactions.write(table, [{"Put": {**put, "ConditionExpression": "attribute_not_exists(pk)"}}])  # type: ignore[typeddict-item]
    return key


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_passes_is_waited_out_under_the_same_token(reason: str, table: JobTable) -> None:
    with cancelled_first(table, ["None", reason], times=3) as tokens:
        key = write(table)
    assert len(tokens) == 4
    assert len(set(tokens)) == 1
    assert table.read({"pk": key, "sk": "x"}) is not None


def test_two_writes_have_two_tokens(table: JobTable) -> None:
    with cancelled_first(table, [], times=0) as tokens:
        write(table)
        write(table)
    assert len(set(tokens)) == 2


def test_what_does_not_pass_in_its_time_is_raised(table: JobTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "PATIENCE_SECONDS", 0.1)
    began = time.monotonic()
    with cancelled_first(table, ["TransactionConflict"], times=10**9) as tokens, pytest.raises(ClientError):
        write(table)
    assert time.monotonic() - began >= 0.1
    assert len(tokens) > 2


def test_a_conflict_that_passes_only_after_many_tries_is_no_failure(table: JobTable) -> None:
    with cancelled_first(table, ["TransactionConflict"], times=50):
        assert table.read({"pk": write(table), "sk": "x"}) is not None


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_what_never_passes_is_raised_at_once(reason: str, table: JobTable) -> None:
    with cancelled_first(table, [reason], times=100) as tokens, pytest.raises(ClientError):
        write(table)
    assert len(tokens) == 1


def test_a_condition_that_failed_is_told_at_once_whatever_conflicts_beside_it(table: JobTable) -> None:
    reasons = ["ConditionalCheckFailed", "TransactionConflict", "None"]
    with cancelled_first(table, reasons, times=100) as tokens, pytest.raises(Cancelled) as told:
        write(table)
    assert len(tokens) == 1
    assert [reason is not None for reason in told.value.reasons] == [True, False, False]
