"""docs/deploy.md holds for what is deployed: its alarms, and the numbers of things that its costs are counted from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.functions import _functions
from tests.infra.resources import all_of, only
from worker import metrics

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

    from infra.configuration import Configuration
    from tests.infra.conftest import Templates

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "deploy.md").read_text()
ALARM = "AWS::CloudWatch::Alarm"


def rows(section: str) -> list[str]:
    """The rows of the first table of a section."""
    table = PAGE.partition(f"\n## {section}\n")[2].partition("\n| ")[2].split("\n\n")[0]
    return [line for line in table.splitlines()[2:] if line.startswith("| ")]


def names(row: str) -> list[str]:
    """The alarms that a row is about: its first column."""
    return re.findall(r"`([^`]+)`", row.split(" | ")[0])


@pytest.fixture
def written(everything: Configuration) -> list[re.Pattern[str]]:
    """What the page names, as patterns of alarms' names."""
    known = {
        "<pool>": everything.pool_names,
        "<function>": tuple(_functions()),
        "<host>": tuple(host.name for _, host in everything.hosts),
    }

    def pattern(name: str) -> re.Pattern[str]:
        for placeholder, values in known.items():
            name = name.replace(placeholder, f"({'|'.join(values)})")
        return re.compile(name)

    return [pattern(name) for row in rows("Alarms") for name in names(row)]


def test_each_alarm_has_its_row_and_each_row_its_alarm(whole: Templates, written: list[re.Pattern[str]]) -> None:
    alarms = {
        alarm["AlarmName"].removeprefix("mosaic-prod-")
        for stack in ("Service", "Host")
        for alarm in all_of(whole[stack], ALARM).values()
    }
    for alarm in alarms:
        assert len([one for one in written if one.fullmatch(alarm)]) == 1, alarm
    for one in written:
        assert [alarm for alarm in alarms if one.fullmatch(alarm)], one.pattern


def test_each_row_says_what_it_means_and_what_to_do() -> None:
    for row in rows("Alarms"):
        _, means, to_do = row.strip("| ").split(" | ")
        assert means
        assert to_do


def test_costs_are_counted_from_what_the_example_deploys(templates: Templates, service: Template) -> None:
    alarms = [one for stack in ("Service", "Host") for one in all_of(templates[stack], ALARM).values()]
    watched = sum("MetricStat" in metric for alarm in alarms for metric in alarm["Metrics"])
    rules = len(only(service, "AWS::WAFv2::WebACL")["Rules"])
    assert f"| {len(alarms)} alarms on {watched} metrics, a dashboard |" in PAGE
    assert f"1 ACL and {rules} rules" in PAGE
    assert f"Metrics of one host: {len(metrics.UNITS)}, by host and by pool | | {2 * len(metrics.UNITS)} " in PAGE


def test_the_costs_add_up() -> None:
    columns = [[_number(cell) for cell in row.strip("| ").split(" | ")[-2:]] for row in rows("What it costs")[:-1]]
    *items, sums = columns
    assert [round(sum(column), 2) for column in zip(*items, strict=True)] == sums


@pytest.mark.parametrize("page", ["deploy.md", "architecture.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", (DOCS / page).read_text()):
        file, _, anchor = target.partition("#")
        path = DOCS / (file or page)
        assert path.exists(), target
        assert not anchor or anchor in {_anchor(line) for line in path.read_text().splitlines()}, target


def _anchor(heading: str) -> str:
    """As GitHub makes them of headings."""
    return re.sub(r"[^\w -]", "", heading.lstrip("#").strip().lower()).replace(" ", "-") if heading[:1] == "#" else ""


def _number(cell: str) -> float:
    return float(cell.replace("*", "").replace(",", "") or 0)
