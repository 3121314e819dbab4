"""A checkout of the project, and the sandbox in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn


class NoSandbox(Exception):
    """There is no sandbox to run here; the message says what to do."""


def become_sandbox(folder: Path, arguments: list[str]) -> NoReturn:
    """Replace this process by the sandbox of the checkout around `folder`, run by the checkout's own Python.

    It stays where the user stands, so that paths among the arguments mean what they say. Raises NoSandbox.
    """
    checkout = _find(folder)
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        raise NoSandbox(f"run `make sandbox` once in {checkout}: it sets up what the sandbox needs")
    # -P: nothing that lies where the user stands is taken for the sandbox.
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    os.execve(python, [str(python), "-P", "-m", "sandbox", *arguments], environment)  # noqa: S606 - no shell is wanted


def _find(folder: Path) -> Path:
    for candidate in (folder, *folder.parents):
        if (candidate / "sandbox" / "__main__.py").is_file() and (candidate / "pyproject.toml").is_file():
            return candidate
    raise NoSandbox("the sandbox runs in a checkout of Mosaic: change into one and run this again")
