"""`mosaic sandbox`: becomes the sandbox of the checkout that it is run in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STAND_IN = """
import json, os, pathlib, sys
print(json.dumps([os.environ.get("OWN"), str(pathlib.Path("here").resolve()), os.getpid(), sys.argv[1:]]))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "__main__.py").write_text(STAND_IN)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "deep" / "inside").mkdir(parents=True)
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\nOWN=yes exec {sys.executable} "$@"\n')
    own.chmod(0o755)
    return tmp_path


def sandbox(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mosaic", "sandbox", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_is_the_checkouts_with_its_own_python_and_all_arguments_and_the_same_process(checkout: Path) -> None:
    process = sandbox(checkout / "deep" / "inside", "--port", "8080", "--help", "-x", "a b")
    out, err = process.communicate(timeout=30)
    assert err == ""
    own, _, pid, arguments = json.loads(out)
    assert own == "yes"
    assert pid == process.pid
    assert arguments == ["--port", "8080", "--help", "-x", "a b"]


@pytest.mark.parametrize("arguments", [["--state", "here"], ["--state=here"]])
def test_a_relative_path_is_taken_from_where_the_user_stands(checkout: Path, arguments: list[str]) -> None:
    (checkout / "deep" / "sandbox.py").write_text("raise SystemExit('this is not the sandbox')")
    out, err = sandbox(checkout / "deep", *arguments).communicate(timeout=30)
    assert err == ""
    _, here, _, given = json.loads(out)
    assert (Path(here), given) == ((checkout / "deep" / "here").resolve(), arguments)


def test_a_checkout_that_was_never_set_up_is_told_how_to(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()
    process = sandbox(checkout / "deep")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert out == ""
    assert err.startswith(f"error: run `make sandbox` once in {checkout}")
    assert "Traceback" not in err


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    process = sandbox(tmp_path, "--help")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert out == ""
    assert "checkout" in err
