"""A checkout of the project, and the sandbox in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn


def find_checkout(folder: Path) -> Path | None:
    """The nearest folder from `folder` upward that is a checkout with a sandbox in it; None where there is none."""
    for candidate in (folder, *folder.parents):
        if (candidate / "sandbox" / "__main__.py").is_file() and (candidate / "pyproject.toml").is_file():
            return candidate
    return None


def become_sandbox(checkout: Path, arguments: list[str]) -> NoReturn:
    """Replace this process by the checkout's sandbox, with the checkout's own Python where it has one."""
    own = checkout / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    os.chdir(checkout)
    os.execv(python, [python, "-m", "sandbox", *arguments])  # noqa: S606 - no shell is wanted here
