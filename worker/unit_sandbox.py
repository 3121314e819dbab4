"""The sandbox of the worker's systemd unit, to run something else in: a licence may be readable outside and not inside.

The unit's own lines are taken, drop-ins included, so that the two never differ. They must hold no specifier (`%S`):
systemd leaves those of transient units as they are.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

UNIT = "mosaic-worker.service"
INSIDE = "MOSAIC_INSIDE_UNIT_SANDBOX"

_BOOTED = Path("/run/systemd/system")  # sd_booted(3): there where systemd is the system's manager
# Lines about the worker's life; every other line of [Service] is its sandbox, user or environment. The directory under
# /run would be removed under the running worker's feet.
_LIFE = re.compile(
    r"Type|Exec(Start|Stop|Reload|Condition).*|Restart.*|StartLimit.*|Timeout.*|Watchdog.*|Notify.*|Kill.*|OOM.*|"
    r"SuccessExitStatus|Standard.*|Syslog.*|RuntimeDirectory.*|FinalKillSignal|SendSIG.*"
)


def why_not() -> str | None:
    """Why nothing can be run in the unit's sandbox from here; None where it can."""
    if not _BOOTED.is_dir():
        return "systemd does not run here"
    if os.geteuid() != 0:
        return "only root can enter it"
    if not _unit():
        return f"{UNIT} is not installed"
    return None


def command(words: Sequence[str]) -> list[str]:
    """What runs these words in the unit's sandbox, with this process's MOSAIC_* variables and modules."""
    own = {name: value for name, value in os.environ.items() if name.startswith("MOSAIC_")}
    told = {**own, INSIDE: UNIT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [
        "systemd-run",
        *("--quiet", "--wait", "--pipe", "--collect"),
        *(f"--property={line}" for line in _sandbox_lines(_unit())),
        *(f"--setenv={name}={value}" for name, value in told.items()),
        *words,
    ]


def _unit() -> str:
    """The unit's file and drop-ins, one after another; empty where there is none."""
    systemctl = shutil.which("systemctl")
    if not systemctl:
        return ""
    return subprocess.run([systemctl, "cat", UNIT], capture_output=True, text=True, check=False).stdout  # noqa: S603


def _sandbox_lines(unit: str) -> Iterator[str]:
    section = ""
    for line in re.sub(r"\s*\\\n\s*", " ", unit).splitlines():
        if line.startswith("["):
            section = line.strip()
        name, equals, _ = line.partition("=")
        wanted = section == "[Service]" and equals and not line.startswith(("#", ";"))
        if wanted and not _LIFE.fullmatch(name.strip()):
            yield line.strip()
