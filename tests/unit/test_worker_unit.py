"""The worker's unit: it agrees with the code, and with the systemd that it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from shared.hosts import TELL_SECONDS
from shared.settings import BadSettings
from worker import __main__ as command
from worker import clients, environment, unit_sandbox
from worker.hardening import NEEDS, unit_lines
from worker.patience import LONGEST_WAIT_SECONDS
from worker.settings import POLL_SECONDS, SETTLE_SECONDS, WorkerSettings
from worker.watchdog import LIMIT_SECONDS, Watchdog

ROOT = Path(__file__).parents[2]
UNIT = Path(unit_sandbox.__file__).with_name(unit_sandbox.UNIT)
TEXT = UNIT.read_text()
# Of the sandbox, what came after 239 (NEWS of systemd), and what systemd-run of CentOS 8 does not take.
TOO_NEW = {
    *("RestrictSUIDSGID", "ProtectHostname", "ProtectKernelLogs", "ProtectClock", "ProtectProc", "ProcSubset"),
    *("PrivateIPC", "RestrictFileSystems", "NoExecPaths", "ExecPaths", "SystemCallLog", "TimeoutAbortSec"),
    "LockPersonality",
}


def values() -> dict[str, list[str]]:
    """The unit's directives, each with its values in their order."""
    found = defaultdict(list)
    for line in TEXT.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name].append(value)
    return found


def value(name: str) -> str:
    (one,) = values()[name]
    return one


def default(setting: str) -> float:
    return float(WorkerSettings.model_fields[setting].default)


def test_systemd_waits_for_a_drain_as_long_as_it_may_take_by_default() -> None:
    assert float(value("TimeoutStopSec")) == POLL_SECONDS + default("drain_seconds") + SETTLE_SECONDS


def test_bad_settings_are_not_tried_again_and_everything_else_is_for_ever() -> None:
    assert value("RestartPreventExitStatus") == str(command.BAD_SETTINGS)
    assert value("Restart") == "always"
    assert value("StartLimitIntervalSec") == "0"


def test_the_watchdog_is_patient_with_the_longest_step_that_a_loop_takes_by_right() -> None:
    assert float(value("WatchdogSec")) == LIMIT_SECONDS
    config, step = clients.make(threads=1).polling.meta.config, Watchdog(LIMIT_SECONDS).step_seconds
    call = sum(getattr(config, name) for name in ("connect_timeout", "read_timeout"))
    assert max(step, LONGEST_WAIT_SECONDS) + call < LIMIT_SECONDS / 3
    assert step == 20


def test_a_start_that_hangs_is_noticed_and_one_that_tells_of_itself_is_not_cut_short() -> None:
    assert float(value("TimeoutStartSec")) == LIMIT_SECONDS > 2 * TELL_SECONDS


def test_the_directories_that_the_worker_is_told_of_are_those_that_it_may_write_to() -> None:
    told = dict(variable.split("=") for variable in values()["Environment"])
    assert told == {
        "MOSAIC_STATE_DIRECTORY": f"/var/lib/{value('StateDirectory')}",
        "MOSAIC_WORK_DIRECTORY": f"/var/cache/{value('CacheDirectory')}",
    }
    assert {name.removeprefix("MOSAIC_").lower() for name in told} <= set(WorkerSettings.model_fields)


def test_the_check_can_take_its_sandbox_and_takes_nothing_from_the_running_worker() -> None:
    assert not TOO_NEW & set(values())
    assert "%" not in TEXT
    assert not {"RuntimeDirectory", "RemoveIPC", "DynamicUser"} & set(values())


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(not ANALYZE, reason="systemd is not installed")
def test_systemd_understands_every_line_and_what_any_engine_needs(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    unit = tmp_path / unit_sandbox.UNIT
    needed = "\n".join(["[Service]", *unit_lines(NEEDS, tmp_path), "[Install]"])
    unit.write_text(TEXT.replace("/opt/mosaic/current", str(tmp_path)).replace("[Install]", needed))
    verified = subprocess.run([str(ANALYZE), "verify", str(unit)], capture_output=True, text=True, check=False)
    about_it = [line for line in verified.stderr.splitlines() if unit_sandbox.UNIT in line or str(unit) in line]
    assert about_it == []
    assert verified.returncode == 0


def test_the_documented_environment_file_is_whole_and_the_same_to_systemd_and_to_a_shell(tmp_path: Path) -> None:
    """systemd.exec(5), EnvironmentFile: a line a variable, whose value may stand in quotes."""
    (example,) = re.findall(r"worker\.env`.*?```sh\n(.*?)```", (ROOT / "docs" / "operate.md").read_text(), re.DOTALL)
    file = tmp_path / "worker.env"
    file.write_text(example)
    sourced = subprocess.run(
        ["/bin/sh", "-c", f"set -a; . {file}; env -0"], env={}, capture_output=True, text=True, check=True
    ).stdout
    to_shell = dict(variable.split("=", 1) for variable in sourced.split("\0") if variable)
    to_systemd = {name: line.strip("'") for name, _, line in (line.partition("=") for line in example.splitlines())}
    assert to_systemd.items() <= to_shell.items()
    needed = {f"MOSAIC_{name.upper()}" for name, field in WorkerSettings.model_fields.items() if field.is_required()}
    assert needed <= to_systemd.keys() | {"MOSAIC_WORK_DIRECTORY", "MOSAIC_STATE_DIRECTORY"}
    with pytest.raises(BadSettings) as bad:  # whose tool is not on this machine
        environment.read(to_systemd | {f"MOSAIC_{name}_DIRECTORY": str(tmp_path) for name in ("WORK", "STATE")})
    assert {error.partition(":")[0] for error in bad.value.errors} <= {"MOSAIC_ENGINE"}
