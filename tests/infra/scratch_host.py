"""A machine of the worker's, in a directory: shell, tar and processes as they are, and a stand-in for systemd.

Nothing waits for the disk.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

PROJECT = Path(__file__).parents[2]
INSTALL = PROJECT / "infra/delivery/install.sh"
UNIT = PROJECT / "worker/mosaic-worker.service"
SYSTEMCTL = PROJECT / "tests/stand_ins/systemctl"
SUPERVISOR = PROJECT / "tests/stand_ins/supervisor.py"
WAIT_SECONDS = 60

# Of a few lines, and as a file beside it says.
WORKER = """
import os, sys

how, version = open("how").read(), open("VERSION").read()
state = os.environ["MOSAIC_STATE_DIRECTORY"]
licence = os.path.exists(f"{state}/licence")
command = sys.argv[1] if len(sys.argv) > 1 else "run"
with open(f"{state}/ran", "a") as ran:
    ran.write(f"{command} {version} {os.environ['MOSAIC_COLOUR']}\\n")
if command == "unit":
    print("[Service]")
elif how == "settings-refused" or os.environ["MOSAIC_COLOUR"] == "wrong":
    sys.exit(2)
elif command == "check":
    sys.exit(0 if licence and how != "engine-broken" else 1)
elif how == "dies":
    sys.exit(1)
else:
    import signal, socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pause()
"""
PYTHON = f'#!/bin/sh\nexec {sys.executable} -S "$@"\n'  # site-packages, which nobody asks for, take the longest


class Host:
    """A machine of the worker's, in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "opt/mosaic"
        self.state = root / "var/lib/mosaic"
        self.state.mkdir(parents=True)
        self.settings = root / "settings"
        self.licence = self.state / "licence"
        self.licence.touch()
        self._commands()

    def _commands(self) -> None:
        commands = self.root / "commands"
        commands.mkdir()
        scripts = {
            "supervise": f'exec {sys.executable} -I -S {SUPERVISOR} "$@"',
            "systemd-sysusers": "exit 0",
            "sync": "exit 0",
        }
        for name, script in scripts.items():
            (commands / name).write_text(f"#!/bin/sh\n{script}\n")
            (commands / name).chmod(0o755)
        (commands / "systemctl").symlink_to(SYSTEMCTL)
        self.environment = {**os.environ, "STAND_IN_ROOT": str(self.root), "PATH": f"{commands}:{os.environ['PATH']}"}

    def archive(self, version: str, how: str = "well", worker: str = WORKER) -> Path:
        path = self.root / f"{version}.tar.gz"
        files = {"VERSION": version, "how": how, "worker/__init__.py": "", "worker/__main__.py": worker}
        files["bin/python"] = PYTHON
        with tarfile.open(path, "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o755
                tar.addfile(info, io.BytesIO(content.encode()))
            tar.add(UNIT, f"worker/{UNIT.name}")
        return path

    def begin(self, archive: Path, colour: str = "'pale blue'") -> subprocess.Popen[str]:
        return self.begin_with(archive, f"# by the deployment\nMOSAIC_COLOUR={colour}\n")

    def begin_with(self, archive: Path, settings: str) -> subprocess.Popen[str]:
        self.settings.write_text(settings)
        words = ["sh", str(INSTALL), "--root", str(self.root), str(archive), str(self.settings)]
        return subprocess.Popen(
            words, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def install(self, archive: Path, colour: str = "'pale blue'") -> tuple[int, str]:
        process = self.begin(archive, colour)
        said, _ = process.communicate(timeout=WAIT_SECONDS)
        return process.returncode, said

    def systemctl(self, verb: str) -> str:
        words = [str(self.root / "commands/systemctl"), verb, UNIT.name]
        return subprocess.run(words, env=self.environment, check=True, capture_output=True, text=True).stdout.strip()

    @property
    def ran(self) -> list[str]:
        return (self.state / "ran").read_text().splitlines()

    @property
    def current(self) -> str:
        return (self.home / "current").readlink().name

    @property
    def versions(self) -> set[str]:
        return {path.name for path in (self.home / "versions").iterdir() if path.is_dir()}
