"""Environments for what Mosaic is compared with: each of its own, from a lock of hashes, made where there is none."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distributions
from pathlib import Path

from rich.console import Console

from sandbox.children import ROOT

PLACE = ROOT / ".bench-peers"


def python_with(lock: str, name: str) -> Path:
    """The interpreter of the environment of that name, with what `requirements/<lock>.txt` asks for and nothing else.

    Raises subprocess.CalledProcessError where it cannot be made.
    """
    wanted, directory = _lock(lock).read_bytes(), PLACE / name
    made_of, python = directory / "lock.txt", directory / "bin" / "python"
    if not made_of.exists() or made_of.read_bytes() != wanted:
        told = f"{_lock(lock).relative_to(ROOT)} is installed into {directory.relative_to(ROOT)}: some 100 MB."
        Console(stderr=True).print(f"[dim]{told}[/]", soft_wrap=True)
        venv.create(directory, clear=True, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        subprocess.run([python, *install, "-r", _lock(lock)], check=True)  # noqa: S603 - a lock of ours
        made_of.write_bytes(wanted)
    return python


def size(python: Path, lock: str, *, without: frozenset[str] = frozenset()) -> int:
    """How many bytes of an environment are what a lock names, but for those `without`. Bytecode is left out."""
    names = set(re.findall(r"^([a-z0-9-]+)==", _lock(lock).read_text(), re.MULTILINE)) - without
    (packages,) = python.parents[1].glob(f"lib/python{sys.version_info.major}.*/site-packages")
    return sum(_bytes(found) for found in distributions(path=[str(packages)]) if _normal(found) in names)


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def _normal(found: Distribution) -> str:
    """A package's name as locks write it: Python Packaging User Guide, "Names and normalization"."""
    return re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()


def _bytes(found: Distribution) -> int:
    files = (Path(str(found.locate_file(file))) for file in found.files or () if file.suffix != ".pyc")
    return sum(file.stat().st_size for file in files if file.is_file())
