"""The environment in which the peers run: made by the bench, for they are no dependencies of Mosaic's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import TypedDict

from rich.console import Console

from sandbox.children import ROOT

LOCK = ROOT / "requirements" / "peers.txt"
DIRECTORY = ROOT / ".bench-peers"
PYTHON = DIRECTORY / "bin" / "python"


class Told(TypedDict):
    """What a peer tells of itself."""

    packages: dict[str, str]
    settings: dict[str, object]


def ready() -> None:
    """Make it where it is not there yet, or not as locked. Raises CalledProcessError."""
    made_from = DIRECTORY / "made_from.txt"
    if made_from.exists() and made_from.read_text() == LOCK.read_text():
        return
    Console(stderr=True).print(f"[dim]The peers get an environment of their own, {DIRECTORY.name}: some 100 MB.[/]")
    _run(sys.executable, "-m", "venv", "--clear", str(DIRECTORY))
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    _run(str(PYTHON), *install, "-r", str(LOCK))
    made_from.write_text(LOCK.read_text())


def ask(module: str, command: str, environment: Mapping[str, str], said: str = "") -> str:
    """What a peer answers to a command. Raises RuntimeError with what went wrong."""
    arguments = [str(PYTHON), "-m", module, command]
    done = subprocess.run(  # noqa: S603 - the peers' interpreter and a module of ours
        arguments, env=dict(environment), cwd=ROOT, input=said, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module} {command}: {done.stderr[-2000:]}")
    return done.stdout


def told(module: str, environment: Mapping[str, str]) -> Told:
    """Versions and settings of a peer."""
    answer: Told = json.loads(ask(module, "settings", environment))
    return answer


def _run(*arguments: str) -> None:
    subprocess.run(arguments, check=True)  # noqa: S603 - this interpreter, or the one just made
