"""Settings are read whole: every error at once, each naming the variable to mend."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, Field, Json

from api.settings import ApiSettings
from shared import settings
from shared.settings import BadSettings

MODE = {"name": "wb", "reference_rates_hz": [16000], "degraded_rates_hz": [16000], "same_rate": True, "ceiling": 5}
POOL = {"name": "visqol-3", "engine": "visqol", "default_mode": "wb", "modes": [MODE]}
GOOD = {
    "MOSAIC_TABLE": "jobs",
    "MOSAIC_BUCKET": "mosaic",
    "MOSAIC_POOLS": json.dumps([POOL]),
    "MOSAIC_QUEUE_URLS": json.dumps(
        {"visqol-3-interactive": "http://q/i", "visqol-3-bulk": "http://q/b", "batches": "http://q/s"}
    ),
}


class Example(BaseModel):
    name: str
    seats: int = Field(2, gt=0)
    limits: Json[dict[str, int]] = {}


def errors(model: type[BaseModel], environment: dict[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as bad:
        settings.read(model, environment)
    return bad.value.errors


def test_what_is_told_is_read_and_what_is_not_has_its_default() -> None:
    told = settings.read(Example, {"MOSAIC_NAME": "a", "MOSAIC_LIMITS": '{"x": 1}'})
    assert told == Example(name="a", seats=2, limits='{"x": 1}')
    assert told.limits == {"x": 1}


def test_variables_of_others_are_left_alone() -> None:
    told = settings.read(
        Example, {"MOSAIC_NAME": "a", "MOSAIC_WHAT": "?", "NAME": "b", "mosaic_seats": "9", "PATH": "/"}
    )
    assert told == Example(name="a")


def test_every_error_is_told_at_once_and_names_its_variable() -> None:
    found = errors(Example, {"MOSAIC_SEATS": "0", "MOSAIC_LIMITS": "{"})
    assert sorted(line.split(":")[0] for line in found) == ["MOSAIC_LIMITS", "MOSAIC_NAME", "MOSAIC_SEATS"]
    assert all(line.split(": ", 1)[1] for line in found)


def test_the_exception_says_a_line_an_error() -> None:
    with pytest.raises(BadSettings) as bad:
        settings.read(Example, {"MOSAIC_SEATS": "many"})
    assert str(bad.value).splitlines() == bad.value.errors
    assert len(bad.value.errors) == 2


def test_an_error_inside_a_list_or_map_says_where() -> None:
    pools = json.dumps([POOL, {**POOL, "name": "No Name", "modes": [MODE, {**MODE, "ceiling": 9}]}])
    found = errors(ApiSettings, {**GOOD, "MOSAIC_POOLS": pools})
    assert sorted(line.split(":")[0] for line in found) == [
        "MOSAIC_POOLS[1]['modes'][1]['ceiling']",
        "MOSAIC_POOLS[1]['name']",
    ]


def test_a_value_is_never_repeated_since_it_may_be_a_secret() -> None:
    found = errors(Example, {"MOSAIC_NAME": "a", "MOSAIC_SEATS": "s3cr3t", "MOSAIC_LIMITS": '{"x": "s3cr3t"}'})
    assert len(found) == 2
    assert "s3cr3t" not in str(found)


def test_the_functions_settings_are_read_whole() -> None:
    told = settings.read(ApiSettings, GOOD)
    assert (told.table, told.bucket, told.pools[0].name) == ("jobs", "mosaic", "visqol-3")
    assert told.queue_urls["visqol-3-bulk"] == "http://q/b"


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("MOSAIC_POOLS", "[]", "at least 1"),
        ("MOSAIC_POOLS", "visqol", "JSON"),
        ("MOSAIC_POOLS", json.dumps([{**POOL, "default_mode": "swb"}]), "default_mode"),
        ("MOSAIC_QUEUE_URLS", "{}", "visqol-3-interactive, visqol-3-bulk"),
        ("MOSAIC_QUEUE_URLS", '{"visqol-3-bulk": "http://q/b"}', "visqol-3-interactive"),
        ("MOSAIC_QUEUE_URLS", '["http://q/b"]', "JSON object"),
    ],
)
def test_the_functions_settings_are_refused_where_they_cannot_work(variable: str, value: str, word: str) -> None:
    found = errors(ApiSettings, {**GOOD, variable: value})
    assert any(line.startswith(variable) and word in line for line in found)


@pytest.mark.parametrize("variable", GOOD)
def test_each_of_the_functions_settings_is_needed(variable: str) -> None:
    found = errors(ApiSettings, {name: value for name, value in GOOD.items() if name != variable})
    assert [line.split(":")[0] for line in found] == [variable]
