"""Processes are ended with their group, and nobody waits for ever for one that the kernel does not let go."""

from __future__ import annotations

import signal
from subprocess import Popen, TimeoutExpired
from unittest.mock import create_autospec

import pytest
from structlog.testing import capture_logs

from worker import processes


def test_one_that_does_not_end_is_told_of_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = create_autospec(Popen, instance=True)
    stuck.pid, stuck.returncode = 2**22 + 1, None  # beyond what Linux gives out: proc(5), pid_max
    stuck.wait.side_effect = TimeoutExpired("tool", processes.REAP_SECONDS)
    with capture_logs() as lines:
        assert processes.kill_group(stuck) == -signal.SIGKILL
    assert [(line["event"], line["process"]) for line in lines] == [("process_not_gone", stuck.pid)]
