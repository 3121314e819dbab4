"""What is delivered to the hosts: one archive with the worker, what it depends on, and an interpreter of its own.

Laid out as it is to be run: what systemd calls `/opt/mosaic/current` is this, unpacked by `install.sh`, which is in it.

    install.sh  python.tar.gz  presets/<pool>.toml  worker/  shared/  numpy/ …

Equal inputs are equal bytes.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra import bundling

if TYPE_CHECKING:
    from infra.configuration import Configuration
    from infra.settings.delivery import Delivery

INSTALLER = Path(__file__).parent / "host" / "install.sh"


def build(configuration: Configuration, delivery: Delivery, target: Path) -> None:
    """Write the archive, a .tar.gz, to that path. Raises bundling.NotBundled."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "worker"
        bundling.build(_bundle(configuration, delivery), root)
        shutil.copyfile(INSTALLER, root / "install.sh")
        shutil.copyfile(delivery.python_archive, root / "python.tar.gz")
        (root / "presets").mkdir()
        for pool in configuration.pools:
            if pool.preset:
                shutil.copyfile(pool.preset, root / "presets" / f"{pool.name}.toml")
        _pack(root, target)


def _bundle(configuration: Configuration, delivery: Delivery) -> bundling.Bundle:
    visqol = any(pool.engine == "visqol" and pool.hosts for pool in configuration.pools)
    return bundling.host(delivery.python_version, visqol=visqol)


def _pack(root: Path, target: Path) -> None:
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as zipped,
        tarfile.open(mode="w", fileobj=zipped, format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(root.rglob("*")):
            archive.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs from build to build: whose file it is, and since when."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o755 if entry.isdir() or entry.name.endswith(".sh") else 0o644
    return entry
