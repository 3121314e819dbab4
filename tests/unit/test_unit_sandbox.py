"""The check in the sandbox of the worker's unit: what is asked of systemd, which stand-ins write down."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from worker import check, unit_sandbox

UNIT = """# /etc/systemd/system/mosaic-worker.service
[Unit]
Description=Mosaic worker
[Service]
Type=notify
ExecStart=/opt/mosaic/bin/python -m worker
Restart=always
User=mosaic
ProtectSystem=strict
SystemCallFilter=@system-service \\
    ~@mount
RuntimeDirectory=mosaic
EnvironmentFile=/etc/mosaic/worker.env
# PrivateTmp=no

# /etc/systemd/system/mosaic-worker.service.d/licence.conf
[Service]
PrivateDevices=no
[Install]
WantedBy=multi-user.target
"""
FAKE_RUN = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done > {record}
exit {code}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the sandbox is entered by root")
@pytest.mark.parametrize("code", [check.WELL, check.NOT_WELL, check.BAD])
def test_under_systemd_it_runs_in_the_sandbox_of_the_workers_unit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int
) -> None:
    record = tmp_path / "record"
    commands = tmp_path / "bin"
    commands.mkdir()
    (tmp_path / "unit").write_text(UNIT)
    for name, program in {
        "systemctl": f"#!/bin/sh\ncat {tmp_path / 'unit'}\n",
        "systemd-run": FAKE_RUN.format(record=record, code=code),
    }.items():
        (commands / name).write_text(program)
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setattr(unit_sandbox, "_BOOTED", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(unit_sandbox.INSIDE, raising=False)
    monkeypatch.setenv("MOSAIC_ENGINE", "polqa:opticom-table")
    assert check.main(["--golden", "golden", "--preset", "opticom-stdout"]) == code
    words = record.read_text().splitlines()
    assert [word.removeprefix("--property=") for word in words if word.startswith("--property=")] == [
        "User=mosaic",
        "ProtectSystem=strict",
        "SystemCallFilter=@system-service ~@mount",
        "EnvironmentFile=/etc/mosaic/worker.env",
        "PrivateDevices=no",
    ]
    assert "--setenv=MOSAIC_ENGINE=polqa:opticom-table" in words
    assert not [word for word in words if "AWS_" in word]
    command = words[words.index(sys.executable) :]
    assert command[1:3] == ["-m", "worker.check"]
    assert set(command[3:]) == {f"--golden={tmp_path / 'golden'}", "--preset=opticom-stdout", "--tolerance=0.01"}
