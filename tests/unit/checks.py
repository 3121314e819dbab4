"""Checks of an engine that is put in place for a test, on golden pairs, and what their reports say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stand_ins.polqa_tools import install, pair
from worker import check, unit_sandbox

Check = Callable[..., int]


def without_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where systemd does not run, whatever this machine is."""
    monkeypatch.setattr(unit_sandbox, "_BOOTED", tmp_path / "nowhere")
    monkeypatch.delenv(unit_sandbox.INSIDE, raising=False)
    monkeypatch.delenv("MOSAIC_STATE_DIRECTORY", raising=False)


def of_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: Path) -> Check:
    """The check's exit code, for an engine that is installed with these orders."""

    def run_check(*arguments: str, orders: str = "ok", preset: str = "opticom-table") -> int:
        monkeypatch.setenv("MOSAIC_ENGINE", install(folder(tmp_path / "tool"), preset, orders))
        return check.main([*arguments, f"--state={state}"])

    return run_check


def folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def golden_pairs(path: Path) -> Path:
    """Two of them, in this folder."""
    pair(folder(path))
    manifest(path, "a,reference.wav,degraded.wav,swb,3.25", "b,reference.wav,degraded.wav,,3.25")
    return path


def manifest(golden: Path, *rows: str) -> None:
    (golden / "golden.csv").write_text("\n".join(["custom_id,reference,degraded,mode,mos_lqo", *rows, ""]))


def cells(report: str, first: str) -> list[str]:
    """The words of the report's line that begins so."""
    return next(line.removeprefix(first).split() for line in report.splitlines() if line.startswith(first))
