"""The environment in which the peers run, and what they answer from there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import TypedDict

from bench import peer_environment
from sandbox.children import ROOT

LOCK, NAME = "peers", "queues"
PYTHON = peer_environment.PLACE / NAME / "bin" / "python"


class Told(TypedDict):
    """What a peer tells of itself."""

    packages: dict[str, str]
    settings: dict[str, object]


def ready() -> None:
    """Make it where it is not there yet, or not as locked. Raises CalledProcessError."""
    peer_environment.python_with(LOCK, NAME)


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
