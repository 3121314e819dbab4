"""Bad settings: every error at once, exit code 2, and nothing is received."""

from __future__ import annotations

import os
import subprocess
import sys


def test_every_error_is_told_at_once_by_the_name_of_its_variable() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOSAIC_")}
    run = subprocess.run(
        [sys.executable, "-m", "worker"],
        env={**environment, "MOSAIC_SEATS": "0", "MOSAIC_QUEUE_URLS": "{", "MOSAIC_POLL_SECONDS": "60"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    for name in ("TABLE", "BUCKET", "QUEUE_URLS", "POOL", "ENGINE", "SEATS", "POLL_SECONDS", "WORK_DIRECTORY"):
        assert f"MOSAIC_{name}" in run.stderr, run.stderr
