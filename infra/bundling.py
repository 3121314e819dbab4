"""Bundles of our code with what it depends on, built without Docker and without the network.

uv installs wheels for another machine and another Python than this one, from a cache that `python -m infra.bundling`
fills once a lock (`make setup` does it). What differs from build to build is left out, so that equal locks and code
are equal bytes: which installer it was, where, and scripts that name an interpreter of this machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".wheels"

NOT_SHIPPED = ("__pycache__", "*.pyc")
OF_THE_INSTALL = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")


class NotBundled(Exception):
    """A bundle cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Bundle:
    """Our packages, and wheels of a lock in `requirements/` for a platform (as uv names it) and a Python."""

    packages: tuple[str, ...]
    lock: str
    platform: str
    python: str


# Lambda's runtime is Amazon Linux 2023, with glibc 2.34: Lambda Developer Guide, "Lambda runtimes".
FUNCTIONS = Bundle(("api", "shared"), "functions", "aarch64-manylinux_2_28", "3.14")


def host(python: str, *, visqol: bool) -> Bundle:
    """The worker for a licensed host, whose glibc may be as old as 2.28 (CentOS 8)."""
    return Bundle(("worker", "shared"), "worker" if visqol else "host", "x86_64-manylinux_2_28", python)


def build(bundle: Bundle, target: Path) -> None:
    """Build into that directory. Raises NotBundled where the cache lacks what it takes."""
    _install(bundle, target, "--offline")
    for package in bundle.packages:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    for path in sorted(target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # whatever the umask was


def fill_cache(bundle: Bundle) -> int:
    """Download what the cache lacks. The size of the whole in bytes, as it will be installed."""
    with tempfile.TemporaryDirectory() as directory:
        build_to = Path(directory) / "bundle"
        _install(bundle, build_to)
        return size(build_to)


def size(directory: Path) -> int:
    """How many bytes the files in it are."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _install(bundle: Bundle, target: Path, *more: str) -> None:
    command = [
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--no-progress"),
        *("--cache-dir", str(CACHE), "--link-mode", "copy", "--target", str(target)),
        *("--python-platform", bundle.platform, "--python-version", bundle.python, "--only-binary", ":all:"),
        *("--no-deps", "--require-hashes", "--no-compile-bytecode"),
        *("--requirements", str(ROOT / "requirements" / f"{bundle.lock}.txt"), *more),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - nothing in it is told
    if ended.returncode:
        said = re.sub(r"\s+", " ", ended.stderr).strip()
        raise NotBundled(f"The wheels of {bundle.lock} cannot be had. `make setup` downloads them. uv says: {said}")
    _clean(target)


def _clean(target: Path) -> None:
    for path in (target / ".lock", *(found for name in OF_THE_INSTALL for found in target.glob(f"*.dist-info/{name}"))):
        path.unlink(missing_ok=True)
    shutil.rmtree(target / "bin", ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    """Fill the cache for the functions, or for the hosts of a Python: `host 3.12`, `worker 3.12` (with ViSQOL)."""
    try:
        bundle = host(arguments[1], visqol=arguments[0] == "worker") if arguments else FUNCTIONS
        print(f"{bundle.lock}: {fill_cache(bundle) / 1e6:.1f} MB of dependencies")
    except NotBundled as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
