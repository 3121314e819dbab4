"""What is delivered to the hosts: one archive with the worker, what it depends on, and an interpreter of its own.

Laid out as it is run, for `/opt/mosaic/current` leads to it, unpacked by the `install.sh` that is in it:

    VERSION  install.sh  bin/python -> python/bin/python3  python/  presets/<pool>.toml  worker/  shared/  numpy/ …

Equal inputs are equal bytes. The version is told by what is in it, so that nothing that differs is taken for installed.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra import bundling

if TYPE_CHECKING:
    from infra.configuration import Configuration
    from infra.settings.delivery import Delivery

INSTALLER = Path(__file__).parent / "delivery" / "install.sh"
INTERPRETER = "python/bin/python3"
VERSION_LETTERS = 16
COMPRESSION = 6  # gzip(1)'s own choice


def build(configuration: Configuration, delivery: Delivery, target: Path) -> None:
    """Write the archive, a .tar.gz, to that path. Raises bundling.NotBundled."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "worker"
        bundling.build(_bundle(configuration, delivery), root)
        _unpack(delivery.python_archive, root)
        shutil.copyfile(INSTALLER, root / "install.sh")
        (root / "presets").mkdir()
        for pool in configuration.pools:
            if pool.preset:
                shutil.copyfile(pool.preset, root / "presets" / f"{pool.name}.toml")
        (root / "VERSION").write_text(_digest(root)[:VERSION_LETTERS])
        _pack(root, target)


def _bundle(configuration: Configuration, delivery: Delivery) -> bundling.Bundle:
    visqol = any(pool.engine == "visqol" and pool.hosts for pool in configuration.pools)
    return bundling.host(delivery.python_version, visqol=visqol)


def _unpack(python: Path, root: Path) -> None:
    with tarfile.open(python) as archive:
        archive.extractall(root, filter="data")
    if not (root / INTERPRETER).exists():
        raise bundling.NotBundled(f"{python} has no {INTERPRETER}: take an archive whose name ends in install_only.")
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to(f"../{INTERPRETER}")


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        content = str(path.readlink()).encode() if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _pack(root: Path, target: Path) -> None:
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=COMPRESSION) as zipped,
        tarfile.open(mode="w", fileobj=zipped, format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(root.rglob("*")):
            archive.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs from build to build: whose file it is, since when, and under which umask."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
