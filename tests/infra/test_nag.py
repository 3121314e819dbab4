"""The table of acknowledged findings: each row is met by a finding, and a finding without a row stops the deploy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infra import app as infra_app
from infra import nag

if TYPE_CHECKING:
    from pathlib import Path

    from infra.configuration import Configuration


def test_each_row_is_met_and_without_the_table_nothing_is_deployed(
    everything: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = everything.bucket(everything.account or "<AWS::AccountId>", everything.region or "<AWS::Region>")
    rows = {
        (row.stack, row.finding.format(bucket=bucket).removeprefix("CloudFormation-Validate::"))
        for row in nag.ACKNOWLEDGED
    }
    monkeypatch.setattr(nag, "ACKNOWLEDGED", ())
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        infra_app.build(everything, tmp_path).synth()
    reports = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    found = {
        (construct["constructPath"].partition("/")[0], violation["ruleName"])
        for report in reports
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    }
    assert found == rows


def test_each_row_has_a_reason_that_is_its_own_sentence() -> None:
    assert all(len(row.reason) > 40 and row.reason.endswith(".") for row in nag.ACKNOWLEDGED)
