"""The results of a batch: a line for each job, in the order in which they were added, as JSON Lines and as CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import subprocess
import sys

import pytest

from api import batch_results, batch_starter, polling
from api.service import Service
from sandbox.children import ROOT
from shared.claims import Claims
from shared.job import ErrorCategory, JobError, Role
from shared.object_keys import result_key
from shared.states import State
from tests.clock import now
from tests.jobs_for_tests import ETAGS, result
from tests.requests import request
from tests.unit.api.steps import BUCKET, bring
from tests.unit.api.test_batches import add, new_batch, show, start, work_off


def ended_batch(parts: Service) -> tuple[str, dict[str, str]]:
    batch = new_batch()
    added = add(
        batch,
        {"custom_id": "good", "label": "=1+1"},
        {"custom_id": "bad"},
        {"custom_id": "gone", "metadata": {"call": "17"}},
    )
    jobs = {one["custom_id"]: one["job"]["id"] for one in added}
    bring(parts, jobs["good"], State.SUCCEEDED)
    bring(parts, jobs["bad"], State.FAILED)
    start(batch)
    work_off(parts)
    assert show(batch)["state"] == "started"
    bring(parts, jobs["gone"], State.CANCELLED)
    batch_starter.end_if_all_ended(parts, parts.batches.get(batch))
    return batch, jobs


def fetch(parts: Service, batch: str, form: str) -> str:
    answer = request("GET", f"/v1/batches/{batch}/results", query={"format": form})
    assert answer.status == 200, answer.body
    content = parts.s3.get_object(Bucket=BUCKET, Key=f"results/{batch}/results.{form}")["Body"].read()
    assert answer.body["bytes"] == len(content)
    assert f"results/{batch}/results.{form}" in str(answer.body["url"])
    return content.decode()


def test_an_ended_batch_has_a_line_for_each_job(parts: Service) -> None:
    batch, jobs = ended_batch(parts)
    assert show(batch)["state"] == "ended"
    assert request("GET", f"/v1/batches/{batch}/results").status == 409
    work_off(parts)
    lines = {line["custom_id"]: line for line in map(json.loads, fetch(parts, batch, "jsonl").splitlines())}
    assert {name: (line["job"], line["state"]) for name, line in lines.items()} == {
        "good": (jobs["good"], "succeeded"),
        "bad": (jobs["bad"], "failed"),
        "gone": (jobs["gone"], "cancelled"),
    }
    assert lines["good"]["result"]["mos_lqo"] == 3.31
    assert (lines["bad"]["error"]["code"], lines["gone"]["metadata"]) == ("attempts_exhausted", {"call": "17"})


def test_the_same_as_csv_which_no_spreadsheet_takes_for_a_formula(parts: Service) -> None:
    batch, _ = ended_batch(parts)
    work_off(parts)
    rows = {row["custom_id"]: row for row in csv.DictReader(io.StringIO(fetch(parts, batch, "csv")))}
    assert (rows["good"]["mos_lqo"], rows["good"]["version"], rows["good"]["label"]) == ("3.31", "3.8.0", "'=1+1")
    assert (rows["bad"]["mos_lqo"], rows["bad"]["error"]) == ("", "attempts_exhausted")


def test_a_row_holds_what_a_line_does_as_far_as_a_table_can(parts: Service) -> None:
    batch = new_batch()
    scored, bad = add(
        batch, {"custom_id": "scored", "metadata": {"call": "17", "who": "Zoë"}}, {"custom_id": "bad", "metadata": {}}
    )
    job = parts.jobs.queue(parts.jobs.get(scored["job"]["id"]), ETAGS)
    claims = Claims(parts.table, "host-a", now)
    claims.commit(claims.begin(claims.claim(job.id)), result(3.3123456789012345), result_key(job.id, 1))
    silent = JobError(category=ErrorCategory.BAD_INPUT, code="silent", message="=No speech.", file=Role.DEGRADED)
    parts.jobs.refuse(parts.jobs.get(bad["job"]["id"]), silent)
    start(batch)
    work_off(parts)
    first, second = csv.DictReader(io.StringIO(fetch(parts, batch, "csv")))
    assert (first["mos_lqo"], json.loads(first["metadata"])) == ("3.3123", {"call": "17", "who": "Zoë"})
    assert (second["metadata"], second["file"], second["error_message"]) == ("", "degraded", "'=No speech.")


def test_lines_come_in_the_order_in_which_their_jobs_were_added(
    parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_results, "READ_AT_ONCE", 3)
    batch, names = new_batch(), [secrets.token_hex(4) for _ in range(8)]
    for some in (names[:3], names[3:]):
        for item in add(batch, *({"custom_id": name} for name in some)):
            bring(parts, item["job"]["id"], State.CANCELLED)
    start(batch)
    work_off(parts)
    assert [json.loads(line)["custom_id"] for line in fetch(parts, batch, "jsonl").splitlines()] == names
    assert [row["custom_id"] for row in csv.DictReader(io.StringIO(fetch(parts, batch, "csv")))] == names


def test_both_tables_are_utf_8_whatever_the_machine_writes_by_itself() -> None:
    script = "from api import batch_results as b; f = b._text_file(); f.write('\\u2603'); print(f.encoding)"
    there = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    run = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", script], env=there, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "utf-8"


def test_an_empty_batch_ends_as_it_starts(parts: Service) -> None:
    batch = new_batch()
    start(batch)
    work_off(parts)
    assert show(batch)["state"] == "ended"
    assert fetch(parts, batch, "jsonl") == ""


def test_a_batch_tells_its_scores_and_warns_of_none(parts: Service) -> None:
    batch, _ = ended_batch(parts)
    (scores,) = show(batch)["scores"]
    assert (scores["engine"], scores["version"], scores["mode"], scores["count"], scores["mean"]) == (
        "visqol", "3.8.0", "wb", 1, 3.31,
    )  # fmt: skip
    assert (scores["histogram"], scores["median"], scores["p5"]) == ({"3.30": 1}, 3.31, 3.31)
    assert show(batch)["warnings"] == []


def test_who_asks_for_a_batch_is_told_when_to_ask_again_until_its_results_are_there(parts: Service) -> None:
    batch = new_batch()
    (item,) = add(batch, {"custom_id": "a"})

    def told() -> str | None:
        return request("GET", f"/v1/batches/{batch}").headers.get("Retry-After")

    assert told() is None
    start(batch)
    assert told() == "15"
    bring(parts, item["job"]["id"], State.CANCELLED)
    work_off(parts)
    assert told() is None


@pytest.mark.parametrize(("eta", "seconds"), [(0.1, "1"), (10, "3"), (100, "25"), (100_000, "60"), (None, "15")])
def test_it_is_told_to_wait_a_quarter_of_what_is_left(eta: float | None, seconds: str, parts: Service) -> None:
    started = parts.batches.start(parts.batches.get(new_batch()))
    assert polling.of_batch(started, eta) == {"Retry-After": seconds}
