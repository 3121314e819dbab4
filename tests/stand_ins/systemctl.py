"""A stand-in for `systemctl` over one unit in a scratch root: it reads the unit's file, runs its command, and waits for
READY=1 as systemd does (systemd.service(5), `Type=notify`). It restarts what ends, but for exit code 2, as the unit
says. No sandbox, no user.

Run as `systemctl VERB [OPTION ...] UNIT`, with the scratch root in STAND_IN_ROOT.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(os.environ["STAND_IN_ROOT"])
RUN = ROOT / "run"
UNITS = ROOT / "etc/systemd/system"
STATE, PROCESS, CALLS = RUN / "state", RUN / "process", RUN / "systemctl.calls"
STOPPING, RESTARTS = RUN / "stopping", RUN / "restarts"
LOOK_SECONDS = 0.02
RESTART_SECONDS = 0.1
NOT_AGAIN = 2  # RestartPreventExitStatus


def main(verb: str, *rest: str) -> int:
    RUN.mkdir(exist_ok=True)
    with CALLS.open("a") as calls:
        calls.write(f"{verb}\n")
    unit = rest[-1] if rest else ""
    match verb:
        case "start":
            start(unit)
        case "stop":
            stop()
        case "is-active":
            print(state())
        case "show":  # --property=NRestarts --value
            print(RESTARTS.read_text() if RESTARTS.exists() else 0)
        case "supervise":
            supervise(unit)
    return 0


def state() -> str:
    return STATE.read_text() if STATE.exists() else "inactive"


def is_(new: str) -> None:
    STATE.with_suffix(".new").write_text(new)
    STATE.with_suffix(".new").replace(STATE)


def start(unit: str) -> None:
    """As with `--no-block`: it returns before the unit is ready."""
    if state() in ("active", "activating"):
        return
    is_("activating")
    STOPPING.unlink(missing_ok=True)
    RESTARTS.unlink(missing_ok=True)
    words = [sys.executable, __file__, "supervise", unit]
    with Path(RUN, "journal").open("ab") as journal:
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=journal, stderr=journal, start_new_session=True)


def stop() -> None:
    """SIGTERM, once to each process that there is, and back once none is left."""
    STOPPING.touch()
    told = 0
    while state() in ("active", "activating"):
        process = int(PROCESS.read_text()) if PROCESS.exists() else 0
        if process not in (0, told):
            told = process
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        time.sleep(LOOK_SECONDS)
    is_("inactive")


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
    sys.exit(main(*sys.argv[1:]))
