"""Accounts of a host with two seats, by a clock that a test moves."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from tests.clock import SettableClock
from worker.accounts import Accounts
from worker.engines.engine import Score
from worker.metrics import Source
from worker.work import Scored

SEATS = 2
SCORED = Scored(Score(3.0))


def accounts(
    clock: SettableClock,
    readings: Mapping[str, JsonValue] | None = None,
    totals: Mapping[str, int] | None = None,
) -> Accounts:
    return Accounts(
        source=Source("polqa-3", "host-a", "Mosaic/test"),
        seats=SEATS,
        readings=lambda: dict(readings or {}),
        totals=lambda: dict(totals or {}),
        clock=clock,
    )
