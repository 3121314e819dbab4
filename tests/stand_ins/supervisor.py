"""What systemd does for one unit in a scratch root: reads the unit's file, runs its command, and waits for READY=1
(systemd.service(5), `Type=notify`). It restarts what ends, but for exit code 2, as the unit says. No sandbox, no user.

Run as `supervise UNIT` by the stand-in for `systemctl` beside it, with the scratch root in STAND_IN_ROOT. It starts
often, so without site-packages: `python -I -S`.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(os.environ["STAND_IN_ROOT"])
RUN = ROOT / "run"
UNITS = ROOT / "etc/systemd/system"
STATE, PROCESS = RUN / "state", RUN / "process"
STOPPING, RESTARTS = RUN / "stopping", RUN / "restarts"
LOOK_SECONDS = 0.02
RESTART_SECONDS = 0.1
NOT_AGAIN = 2  # RestartPreventExitStatus


def is_(new: str) -> None:
    STATE.with_suffix(".new").write_text(new)
    STATE.with_suffix(".new").replace(STATE)


def supervise(unit: str) -> None:
    """Run the unit's command, anew whenever it ends, until it is stopped or not to be started again."""
    PROCESS.unlink(missing_ok=True)
    try:
        while not STOPPING.exists():
            if run(unit) == NOT_AGAIN:
                break
            if not STOPPING.exists():
                is_("activating")
                time.sleep(RESTART_SECONDS)
                RESTARTS.write_text(str(int(RESTARTS.read_text()) + 1 if RESTARTS.exists() else 1))
    finally:
        is_("inactive" if STOPPING.exists() else "failed")


def run(unit: str) -> int:
    """Run the unit's command once, as its file says at the time; the exit code."""
    lines = [line.partition("=") for line in (UNITS / unit).read_text().splitlines() if not line.startswith("#")]
    told = {name: value for name, _, value in lines}
    environment = {**os.environ, "NOTIFY_SOCKET": str(RUN / "notify")}
    for name, _, value in lines:
        if name == "Environment":
            variable, _, of = value.partition("=")
            environment[variable] = f"{ROOT}{of}"
        if name == "EnvironmentFile":
            environment |= settings(value)
    Path(RUN, "notify").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(environment["NOTIFY_SOCKET"])
        link.settimeout(LOOK_SECONDS)
        words = [f"{ROOT}{word}" if word.startswith("/") else word for word in shlex.split(told["ExecStart"])]
        child = subprocess.Popen(words, cwd=f"{ROOT}{told['WorkingDirectory']}", env=environment)
        PROCESS.with_suffix(".new").write_text(str(child.pid))
        PROCESS.with_suffix(".new").replace(PROCESS)
        while child.poll() is None:
            with suppress(TimeoutError):
                if b"READY=1" in link.recv(4096).splitlines():
                    is_("active")
    PROCESS.unlink()
    return child.returncode


def settings(file: str) -> dict[str, str]:
    """An EnvironmentFile, in the part of its syntax that the project writes: systemd.exec(5)."""
    path = Path(f"{ROOT}{file.removeprefix('-')}")
    if file.startswith("-") and not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


if __name__ == "__main__":
    supervise(sys.argv[1])
