"""The worker's settings, read whole from its environment; told plainly, to whoever has to mend them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from api.settings import ApiSettings
from shared.settings import BadSettings
from tests.cloud import POOL
from tests.stand_ins.engine import NAME
from tests.worker_process import pools_of
from worker import environment
from worker.environment import OTHERS, OWN

ROOT = Path(__file__).parents[2]
URLS = {name: f"https://sqs/{name}" for name in ("visqol-3-interactive", "visqol-3-bulk", "jobs-malformed")}


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    return {
        "MOSAIC_TABLE": "jobs",
        "MOSAIC_BUCKET": "audio",
        "MOSAIC_POOL": "visqol-3",
        "MOSAIC_POOLS": pools_of(NAME),
        "MOSAIC_QUEUE_URLS": json.dumps(URLS),
        "MOSAIC_ENGINE": NAME,
        "MOSAIC_WORK_DIRECTORY": str(tmp_path / "work"),
        "MOSAIC_STATE_DIRECTORY": str(tmp_path / "state"),
    }


def errors(told: dict[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as bad:
        environment.read(told)
    return bad.value.errors


def test_what_is_told_is_read_and_prefetch_is_as_many_as_seats(good: dict[str, str]) -> None:
    told = environment.read({**good, "MOSAIC_SEATS": "3"})
    assert (told.seats, told.prefetch, told.pool) == (3, 3, "visqol-3")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("TABLE", "", "must not be empty"),
        ("SEATS", "many", "must be a whole number"),
        ("SEATS", "65", "must be at most 64"),
        ("DRAIN_SECONDS", "inf", "must be a finite number"),
        ("DRAIN_SECONDS", "nan", "must be a finite number"),
        ("DRAIN_SECONDS", "86401", "must be at most 86400"),
        ("DRAIN_SECONDS", "-1", "must be at least 0"),
        ("HOLD_SECONDS", "0", "must be more than 0"),
        ("HOLD_SECONDS", "3601", "must be at most 3600"),
        ("HOLD_SECONDS", "-inf", "must be a finite number"),
        ("ENGINE", "visqool", "There is no engine 'visqool'"),
        ("ENGINE", "polqa:opticom", "only opticom-stdout, opticom-table, swissqual-squad"),
        ("ENGINE", "polqa:opticom-table", "Install the tool"),
        ("QUEUE_URLS", "[]", "must be a JSON object"),
        ("QUEUE_URLS", "{}", "has no URL for visqol-3-interactive, visqol-3-bulk, jobs-malformed"),
        ("QUEUE_URLS", json.dumps({**URLS, "visqol-3-bulk": "bulk"}), "something else for visqol-3-bulk"),
        ("WORK_DIRECTORY", "/proc/mosaic", "cannot be made: No such file or directory. Name another one"),
        ("STATE_DIRECTORY", __file__, "cannot be made: File exists. Name another one"),
    ],
)
def test_each_error_names_its_variable_and_says_what_it_must_be(
    good: dict[str, str], variable: str, value: str, words: str
) -> None:
    [line] = errors({**good, f"MOSAIC_{variable}": value})
    assert line.startswith(f"MOSAIC_{variable}: ")
    assert words in line


def test_a_pool_that_the_deployment_does_not_have_is_told_where_its_pools_and_its_queues_are(
    good: dict[str, str],
) -> None:
    assert errors({**good, "MOSAIC_POOL": "polqa-2"}) == [
        f"MOSAIC_POOLS: has no pool polqa-2, which MOSAIC_POOL names, but {POOL.name}",
        "MOSAIC_QUEUE_URLS: has no queues of the pool polqa-2 that MOSAIC_POOL names, only of visqol-3",
    ]


def test_a_default_that_follows_from_what_is_wrong_is_no_error_of_its_own(good: dict[str, str]) -> None:
    assert [line.partition(":")[0] for line in errors({**good, "MOSAIC_SEATS": "0"})] == ["MOSAIC_SEATS"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("MOSAIC_SEAT", "did you mean MOSAIC_SEATS?"),
        ("MOSAIC_WORK_DIR", "did you mean MOSAIC_WORK_DIRECTORY?"),
        ("MOSAIC_QUEUE_URL", "did you mean MOSAIC_QUEUE_URLS?"),
        ("MOSAIC_X", "remove it"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_the_one_that_was_meant(
    good: dict[str, str], name: str, says: str
) -> None:
    assert errors({**good, name: "2"}) == [f"{name}: unknown; {says}"]


def test_names_of_every_other_part_of_the_service_are_known() -> None:
    parts = ("api", "client", "infra", "sandbox", "shared", "worker")
    files = [file for part in parts for file in (ROOT / part).rglob("*.py") if "node_modules" not in file.parts]
    used = {name for file in files for name in re.findall(r"\bMOSAIC_[A-Z_]*[A-Z]\b", file.read_text())}
    used |= {f"MOSAIC_{name.upper()}" for name in ApiSettings.model_fields}
    assert used <= OWN | OTHERS
    assert len(used) > len(OTHERS)
