"""`mosaic sandbox`: becomes the sandbox of the checkout that it is run in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STAND_IN = "import json, os, sys; print(json.dumps([sys.executable, os.getcwd(), os.getpid(), sys.argv[1:]]))"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "__main__.py").write_text(STAND_IN)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "deep" / "inside").mkdir(parents=True)
    return tmp_path


def sandbox(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mosaic", "sandbox", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONSAFEPATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_runs_in_the_checkout_with_all_arguments_as_the_same_process(checkout: Path) -> None:
    process = sandbox(checkout / "deep" / "inside", "--port", "8080", "--help", "-x", "a b")
    out, err = process.communicate(timeout=30)
    assert err == ""
    python, folder, pid, arguments = json.loads(out)
    assert Path(folder) == checkout.resolve()
    assert pid == process.pid
    assert arguments == ["--port", "8080", "--help", "-x", "a b"]
    assert python == sys.executable


def test_the_checkouts_own_python_goes_first(checkout: Path) -> None:
    own = checkout / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\necho "own $*"\n')
    own.chmod(0o755)
    out, _ = sandbox(checkout).communicate(timeout=30)
    assert out == "own -m sandbox\n"


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    process = sandbox(tmp_path, "--help")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert out == ""
    assert "checkout" in err
