"""The POLQA engine against a stand-in for the licensed tools, by presets copied as a deployer copies them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.stand_ins import polqa_cli
from tests.stand_ins.polqa_tools import PRESETS, install, pair
from worker import engines
from worker.engines.engine import Engine, EngineError, FailureClass, Score

BAD_INPUT, TRANSIENT, THROTTLED, LICENCE, CONFIG = FailureClass

each_form = pytest.mark.parametrize("preset", PRESETS)


@pytest.fixture
def engine(tmp_path: Path) -> Callable[..., Engine]:
    def installed(preset: str, orders: str = "ok", more: str = "", changes: dict[str, str] | None = None) -> Engine:
        return engines.load(install(tmp_path, preset, orders, more, changes))

    return installed


def score(engine: Engine, directory: Path, mode: str = "swb", orders: str | None = None) -> Score:
    scratch = directory / "scratch"
    scratch.mkdir(exist_ok=True)
    return engine.score(*pair(directory, orders), mode, scratch)


def failure(engine: Engine, directory: Path, mode: str = "swb") -> EngineError:
    with pytest.raises(EngineError) as caught:
        score(engine, directory, mode)
    return caught.value


@pytest.mark.parametrize(
    ("preset", "details"),
    [
        ("opticom-table", {"columns": {"AvgDelay": 40.5}}),
        ("opticom-stdout", {"delay_ms": 40.5, "degraded_snr_db": 31.2, "reference_snr_db": 45.0}),
        (
            "swissqual-squad",
            {
                "reference_speech_level_db": -26.12,
                "reference_noise_level_db": -71.2,
                "degraded_speech_level_db": -27.45,
                "degraded_noise_level_db": -60.1,
                "start_delay_ms": 12.5,
                "delay_spread_ms": 3.1,
                "delay_deviation_ms": 0.4,
            },
        ),
    ],
)
def test_each_form_gives_its_score_and_what_else_it_knows(
    engine: Callable[..., Engine], tmp_path: Path, preset: str, details: dict[str, JsonValue]
) -> None:
    assert score(engine(preset, "score:2.875"), tmp_path) == Score(2.875, details)


@each_form
@pytest.mark.parametrize("mode", ["nb", "swb"])
def test_the_tool_is_told_the_mode(engine: Callable[..., Engine], tmp_path: Path, preset: str, mode: str) -> None:
    other = {"nb": "swb", "swb": "nb"}[mode]
    told = engine(preset, f"licence:{other}")
    assert score(told, tmp_path, mode).mos_lqo == 3.25
    assert failure(told, tmp_path, other).failure_class is LICENCE


@each_form
@pytest.mark.parametrize("orders", ["crlf latin1 flood:5", "pause:0.3"])
def test_line_ends_letters_floods_and_pauses_do_not_matter(
    engine: Callable[..., Engine], tmp_path: Path, preset: str, orders: str
) -> None:
    assert score(engine(preset, orders), tmp_path).mos_lqo == 3.25


@pytest.mark.parametrize("preset", ["opticom-table", "opticom-stdout"])
@pytest.mark.parametrize("ends", ["", "crlf"])
def test_the_tools_warnings_come_with_the_score(
    engine: Callable[..., Engine], tmp_path: Path, preset: str, ends: str
) -> None:
    assert score(engine(preset, f"warnings {ends}"), tmp_path).warnings == tuple(polqa_cli.WARNINGS)


def test_a_warning_in_another_alphabet_is_readable(engine: Callable[..., Engine], tmp_path: Path) -> None:
    assert score(engine("opticom-stdout", "latin1"), tmp_path).warnings == ("Pegel zu hoch für 20 °C",)


@each_form
@pytest.mark.parametrize(
    ("orders", "failure_class", "code"),
    [
        ("licence", LICENCE, "no_licence"),
        ("crash", TRANSIENT, "tool_crashed"),
        ("exit:77", TRANSIENT, "tool_failed"),
        ("silent", TRANSIENT, None),
        ("garbage", TRANSIENT, None),
        ("score:-0.0", TRANSIENT, "unusable_score"),
        ("score:nan", TRANSIENT, None),
    ],
)
def test_what_is_no_score_is_an_error_of_its_class(
    engine: Callable[..., Engine],
    tmp_path: Path,
    preset: str,
    orders: str,
    failure_class: FailureClass,
    code: str | None,
) -> None:
    error = failure(engine(preset, orders), tmp_path)
    assert error.failure_class is failure_class
    assert code in (None, error.code)


def test_a_score_on_one_modes_scale_may_be_off_anothers(engine: Callable[..., Engine], tmp_path: Path) -> None:
    told = engine("opticom-table", "score:4.6")
    assert score(told, tmp_path, "swb").mos_lqo == 4.6
    assert failure(told, tmp_path, "nb").code == "unusable_score"


@pytest.mark.parametrize(
    ("orders", "code"),
    [
        ("silent", "no_output"),
        ("empty", "no_output"),
        ("partial", "no_score"),
        ("twice", "no_score"),
        ("stale", "stale_output"),
    ],
)
def test_a_table_that_is_missing_unfinished_or_of_another_run_gives_no_score(
    engine: Callable[..., Engine], tmp_path: Path, orders: str, code: str
) -> None:
    error = failure(engine("opticom-table", orders), tmp_path)
    assert (error.failure_class, error.code) == (TRANSIENT, code)


def test_a_table_of_the_job_before_in_the_same_directory_is_never_read(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    told = engine("opticom-table", f"@{tmp_path / 'orders'}")
    (tmp_path / "orders").write_text("ok")
    assert score(told, tmp_path).mos_lqo == 3.25
    (tmp_path / "orders").write_text("silent")
    assert failure(told, tmp_path).code == "no_output"


@pytest.mark.parametrize(
    ("preset", "exit_code", "failure_class", "code"),
    [
        ("opticom-stdout", 7, BAD_INPUT, "too_short"),
        ("opticom-stdout", 12, THROTTLED, "throughput_limit"),
        ("opticom-table", 14, CONFIG, "command_line"),
        ("opticom-table", 16, TRANSIENT, "tool_crashed"),
        ("swissqual-squad", -32, BAD_INPUT, "too_long"),
        ("swissqual-squad", -80, LICENCE, "no_licence"),
        ("swissqual-squad", 80, TRANSIENT, "tool_failed"),
    ],
)
def test_exit_codes_mean_what_the_preset_says(
    engine: Callable[..., Engine],
    tmp_path: Path,
    preset: str,
    exit_code: int,
    failure_class: FailureClass,
    code: str,
) -> None:
    error = failure(engine(preset, f"exit:{exit_code}"), tmp_path)
    assert (error.failure_class, error.code) == (failure_class, code)


def test_an_older_version_is_a_preset_with_its_own_codes(tmp_path: Path) -> None:
    name = install(tmp_path, "opticom-table", "exit:7")
    path = Path(name.removeprefix("polqa:"))
    shipped, _, _ = path.read_text().partition("[exit_codes]")
    older = '[exit_codes]\n7 = { class = "bad_input", code = "sample_rate", message = "Resample it." }\n'
    path.write_text(shipped + older)
    error = failure(engines.load(name), tmp_path)
    assert (error.code, error.message) == ("sample_rate", "Resample it.")


PATTERNS = """
patterns = [
    { pattern = 'licen[cs]e .*expired', class = "licence", code = "expired", message = "Renew the licence." },
    { pattern = 'expired', class = "config", code = "never", message = "The first match wins." },
]
"""


@pytest.mark.parametrize("ends", ["exit:7", "ok"])
def test_what_the_tool_says_comes_before_its_exit_code(
    engine: Callable[..., Engine], tmp_path: Path, ends: str
) -> None:
    error = failure(engine("opticom-stdout", f"say:the+licence+has+expired {ends}", PATTERNS), tmp_path)
    assert (error.failure_class, error.code) == (LICENCE, "expired")


def test_the_operator_is_told_what_the_tool_said_and_a_client_is_not(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    lost = failure(engine("opticom-table", "licence"), tmp_path)
    assert "SECRET HOLDER" in lost.message
    assert "exit code 2" in lost.message
    for orders in "say:SECRET exit:6", "say:SECRET exit:4", "say:SECRET crash", "say:SECRET score:9":
        error = failure(engine("opticom-table", orders), tmp_path)
        assert error.failure_class in (BAD_INPUT, TRANSIENT)
        assert "SECRET" not in error.message
        assert str(tmp_path) not in error.message


def test_a_tool_that_does_not_end_is_a_transient_error(engine: Callable[..., Engine], tmp_path: Path) -> None:
    hanging = engine("opticom-table", "hang", changes={"timeout_seconds = 3600": "timeout_seconds = 0.5"})
    error = failure(hanging, tmp_path)
    assert (error.failure_class, error.code) == (TRANSIENT, "tool_timed_out")


def test_it_says_how_patient_it_is_with_its_tool_so_that_nobody_else_is_less(engine: Callable[..., Engine]) -> None:
    changed = engine("opticom-table", changes={"timeout_seconds = 3600": "timeout_seconds = 900"})
    assert changed.describe().limit_seconds == 900


def test_what_the_tool_needs_of_the_unit_is_described_with_its_own_directory(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    needy = engine("opticom-table", more='needs = ["mac_address", "own_directory"]')
    assert [line for line in needy.describe().unit if not line.startswith("#")] == [
        "RestrictAddressFamilies=AF_NETLINK",
        f"ReadWritePaths={tmp_path}",
    ]


def test_orders_may_come_inside_the_reference(engine: Callable[..., Engine], tmp_path: Path) -> None:
    told = engine("opticom-table", "licence")
    assert score(told, tmp_path, orders="score:1.5").mos_lqo == 1.5


def test_a_mode_that_it_does_not_have_is_a_matter_of_configuration(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    assert failure(engine("opticom-table"), tmp_path, "wb").code == "unknown_mode"


def test_the_tool_sees_no_credentials_and_what_the_preset_adds(engine: Callable[..., Engine], tmp_path: Path) -> None:
    told = engine("opticom-table")
    assert "AWS_SECRET_ACCESS_KEY" in os.environ
    (tmp_path / "PolqaOem64").write_text(f"#!/bin/sh\nenv > {tmp_path}/seen; pwd > {tmp_path}/there; exit 2\n")
    assert failure(told, tmp_path).failure_class is LICENCE
    seen = [line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()]
    assert {"PATH", "LC_ALL", polqa_cli.ORDERS} <= set(seen)
    assert not [name for name in seen if name.startswith("AWS_")]
    assert (tmp_path / "there").read_text().strip() == str(tmp_path)
