"""What an engine needs of the worker's unit, as `python -m worker unit` prints it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stand_ins import engine as stand_in
from tests.stand_ins.polqa_tools import install
from worker import drop_in, unit_sandbox
from worker.hardening import NEEDS, unit_lines

UNIT = Path(unit_sandbox.__file__).with_name(unit_sandbox.UNIT)


def directives(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_visqol_needs_memory_for_the_code_that_numba_makes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOSAIC_ENGINE", "visqol")
    assert drop_in.main() == 0
    assert directives(capsys.readouterr().out) == ["[Service]", "MemoryDenyWriteExecute=no"]


def test_a_presets_needs_are_printed_each_with_its_reason(tmp_path: Path) -> None:
    engine = install(tmp_path, "opticom-table", more='needs = ["devices", "home"]')
    environment = {**os.environ, "MOSAIC_ENGINE": engine}
    printed = subprocess.run(
        [sys.executable, "-m", "worker", "unit"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert directives(printed) == ["[Service]", "PrivateDevices=no", "ProtectHome=read-only"]
    assert f"# devices: {NEEDS['devices'].why}\nPrivateDevices=no\n" in printed


@pytest.mark.parametrize("engine", [stand_in.NAME, "polqa:opticom-table"])
def test_an_engine_that_needs_nothing_has_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, engine: str
) -> None:
    if engine.startswith("polqa:"):
        engine = install(tmp_path, engine.removeprefix("polqa:"))
    monkeypatch.setenv("MOSAIC_ENGINE", engine)
    assert drop_in.main() == 0
    assert directives(capsys.readouterr().out) == ["[Service]"]


@pytest.mark.parametrize(
    ("engine", "told"), [(None, "MOSAIC_ENGINE"), ("pesq", "no engine"), ("polqa:opticom-table", "Install the tool")]
)
def test_an_engine_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], engine: str | None, told: str
) -> None:
    monkeypatch.delenv("MOSAIC_ENGINE", raising=False)
    if engine:
        monkeypatch.setenv("MOSAIC_ENGINE", engine)
    assert drop_in.main() == drop_in.BAD_SETTINGS
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""


def test_the_page_about_engines_explains_every_need_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "engines.md").read_text()
    _, _, table = page.partition("| need | what it lifts | for |\n|---|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    assert [row.split("`")[1] for row in rows] == list(NEEDS)


@pytest.mark.parametrize("need", NEEDS)
def test_every_need_lifts_something_that_the_unit_withholds(need: str) -> None:
    """A list of what is allowed grows by what is new; of a switch the last one counts."""
    unit = [line.partition("=") for line in directives(UNIT.read_text())]
    for line in directives("\n".join(unit_lines([need], Path("/opt/polqa")))):
        name, _, value = line.partition("=")
        withheld = [set(of_unit.split()) for directive, _, of_unit in unit if directive == name]
        assert withheld or name == "ReadWritePaths"
        assert value not in set().union(*withheld)
