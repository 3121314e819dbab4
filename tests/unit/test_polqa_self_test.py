"""What the POLQA engine says of itself, and how it tests itself."""

from __future__ import annotations

import json
import math
import stat
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.pools import Mode
from tests.stand_ins import polqa_cli
from tests.stand_ins.polqa_tools import PRESETS, install, pair
from tests.unit.signals import FULL_SCALE, load
from worker import engines
from worker.audio.measures import measure
from worker.engines import test_pair
from worker.engines.engine import UNKNOWN_VERSION, Engine, EngineError, FailureClass

LICENCE, CONFIG = FailureClass.LICENCE, FailureClass.CONFIG

each_form = pytest.mark.parametrize("preset", PRESETS)


@pytest.fixture
def engine(tmp_path: Path) -> Callable[..., Engine]:
    def installed(preset: str, orders: str = "ok", more: str = "") -> Engine:
        return engines.load(install(tmp_path, preset, orders, more))

    return installed


def failure(engine: Engine, directory: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        engine.score(*pair(directory), "swb", directory)
    return caught.value


@each_form
def test_it_describes_itself_from_its_preset_and_tells_no_path(
    engine: Callable[..., Engine], tmp_path: Path, preset: str
) -> None:
    described = engine(preset, more='settings = { edition = "P.863 (2018)", high_accuracy = true }').describe()
    assert (described.name, described.version, described.default_mode) == ("polqa", "unknown", "swb")
    assert [mode.name for mode in described.modes] == ["nb", "swb"]
    assert described.settings["preset"] == preset
    assert described.settings["edition"] == "P.863 (2018)"
    assert described.settings["high_accuracy"] is True
    assert str(tmp_path) not in json.dumps(dict(described.settings))


def ask_for_version(tmp_path: Path, pattern: str) -> Engine:
    asked = f"version = {{ command = ['PolqaOem64', '--version'], pattern = '{pattern}' }}"
    return engines.load(install(tmp_path, "opticom-table", changes={'version = "unknown"': asked}))


def test_a_tool_may_be_asked_for_its_version_once(tmp_path: Path) -> None:
    asked = ask_for_version(tmp_path, r"version (\S+)")
    assert asked.describe().version == polqa_cli.VERSION
    (tmp_path / "PolqaOem64").write_text("#!/bin/sh\nexit 1\n")
    assert asked.describe().version == polqa_cli.VERSION


def test_a_tool_that_does_not_tell_its_version_can_be_described_and_is_not_fit(tmp_path: Path) -> None:
    asked = ask_for_version(tmp_path, r"edition (\S+)")
    assert asked.describe().version == UNKNOWN_VERSION
    with pytest.raises(EngineError, match="stand-in") as caught:
        asked.self_test()
    assert (caught.value.failure_class, caught.value.code) == (CONFIG, "unknown_version")


def test_a_tool_that_tells_its_version_with_a_licence_only_has_lost_that(tmp_path: Path) -> None:
    asked = ask_for_version(tmp_path, r"version (\S+)")
    (tmp_path / "PolqaOem64").write_text("#!/bin/sh\necho no licence >&2\nexit 2\n")
    assert asked.describe().version == UNKNOWN_VERSION
    with pytest.raises(EngineError) as caught:
        asked.self_test()
    assert caught.value.failure_class is FailureClass.LICENCE


def test_a_tool_that_is_not_there_or_cannot_run_is_a_matter_of_configuration(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    told = engine("opticom-table")
    tool = tmp_path / "PolqaOem64"
    tool.write_text("no program")
    error = failure(told, tmp_path)
    assert (error.failure_class, error.code) == (CONFIG, "tool_not_started")
    tool.chmod(stat.S_IRUSR)
    assert failure(told, tmp_path).code == "engine_not_installed"
    tool.unlink()
    with pytest.raises(EngineError, match="Install the tool"):
        told.describe()


@each_form
def test_the_self_test_runs_the_tool_once_in_the_default_mode(
    engine: Callable[..., Engine], tmp_path: Path, preset: str
) -> None:
    engine(preset, "licence:nb").self_test()
    with pytest.raises(EngineError) as caught:
        engine(preset, "licence:swb").self_test()
    assert caught.value.failure_class is LICENCE


def test_a_tool_that_refuses_the_self_tests_pair_is_a_matter_of_configuration(
    engine: Callable[..., Engine], tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="Name a pair in the preset") as caught:
        engine("opticom-table", "exit:8").self_test()
    assert (caught.value.failure_class, caught.value.code) == (CONFIG, "self_test_failed")
    reference, degraded = pair(tmp_path, "score:2.0")
    own = f"self_test = {{ reference = '{reference}', degraded = '{degraded}' }}"
    engine("opticom-table", "exit:8", own).self_test()


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_the_generated_pair_is_like_speech_at_the_nominal_level(tmp_path: Path, rate_hz: int) -> None:
    mode = Mode(
        name="nb", reference_rates_hz=(rate_hz,), degraded_rates_hz=(8000, rate_hz), same_rate=False, ceiling=4.5
    )
    reference, degraded = test_pair.write(tmp_path, mode)
    measured = measure(reference)
    assert measured.active_level_dbov == pytest.approx(-26, abs=1)
    assert 3.2 < measured.active_seconds < 8
    assert measured.clipping_ratio == 0
    with wave.open(str(degraded)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate_hz)
    noise = (load(degraded).astype(float) - load(reference)) / FULL_SCALE
    assert 10 * math.log10(np.mean(noise**2)) == pytest.approx(-56, abs=0.5)
