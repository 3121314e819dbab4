"""The report on a terminal."""

from __future__ import annotations

import io

import pytest
from mosaic import Job
from mosaic.report import report
from rich.console import Console

from tests.unit.client.fake_service import RESULT, SIGNATURE, STEREO


def job(**members: object) -> Job:
    return Job.from_document({"id": "0" * 32, "state": "queued", "engine": "visqol", "mode": "wb", **members})


def drawn(shown: Job, encoding: str = "utf-8", width: int = 80) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    console.print(report(shown, console))
    file.seek(0)
    return file.read()


def test_the_score_is_large() -> None:
    text = drawn(job(state="succeeded", result=RESULT))
    assert "╺━┓   ╺━┓  ┓" in text
    assert "MOS-LQO by ViSQOL" in text
    assert SIGNATURE not in text


def test_a_terminal_without_unicode_gets_plain_lines() -> None:
    text = drawn(job(state="succeeded", result={**RESULT, "warnings": []}), encoding="latin-1")
    assert "MOS-LQO   3.31" in text


@pytest.mark.parametrize(
    ("state", "score"), [("queued", "no score yet"), ("running", "no score yet"), ("failed", "none")]
)
def test_without_a_score_it_says_whether_one_may_still_come(state: str, score: str) -> None:
    shown = job(state=state, error=STEREO if state == "failed" else None)
    assert f"MOS-LQO   {score}" in drawn(shown, encoding="latin-1")


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize(
    "shown",
    [
        job(),
        job(state="failed", error=STEREO),
        job(state="succeeded", result=RESULT, label="[bold] " * 20),
        job(state="succeeded", result={**RESULT, "mos_lqo": None}),
    ],
)
def test_nothing_is_wider_than_the_terminal(shown: Job, width: int) -> None:
    assert max(map(len, drawn(shown, width=width).splitlines())) <= width


def test_a_label_is_shown_as_it_is() -> None:
    assert "[red]codec[/red]" in drawn(job(label="[red]codec[/red]"))


def test_an_engine_is_named_as_it_is_and_never_as_another() -> None:
    engine = {"name": "polqa", "version": "2.4", "settings": {}}
    assert "MOS-LQO by POLQA" in drawn(job(state="succeeded", result={**RESULT, "engine": engine}))
    engine["name"] = "another"
    assert "MOS-LQO by another" in drawn(job(state="succeeded", result={**RESULT, "engine": engine}))
