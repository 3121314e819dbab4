"""What is due is found, whatever else is listed beside it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from api import pending
from api.service import Service
from shared import items, logs
from shared.job import Job
from shared.job_table import job_key, pending_key
from tests.unit.api.reconciling import reconcile, told, whole

if TYPE_CHECKING:
    from pydantic import JsonValue

pytestmark = pytest.mark.usefixtures("_empty_afterwards")


def rewrite(parts: Service, job: Job, **values: JsonValue) -> None:
    item = {**(parts.table.read(job_key(job.id)) or {}), **values}
    parts.dynamodb.put_item(TableName=parts.table.name, Item=items.pack(item))


def test_one_of_a_form_that_nobody_knows_stands_in_no_others_way(
    parts: Service, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "log", logs.get("api.pending"))
    odd, good = whole(parts), whole(parts)
    rewrite(parts, odd, lane="express", check_at=1, pending=pending_key(good.id))  # of a later release, say
    rewrite(parts, good, check_at=2)
    reconcile()
    assert told(parts) == [good.id]
    (line,) = [line for line in map(json.loads, logged.getvalue().splitlines()) if "key" in line]
    assert (line["event"], line["key"], line["level"]) == ("item_not_understood", f"JOB#{odd.id}", "error")
    assert "express" not in logged.getvalue()
