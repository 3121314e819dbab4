"""What a function loads when it starts: somebody waits for that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infra.bundling import ROOT

WITHOUT_POWERTOOLS = "import sys; sys.modules['aws_lambda_powertools'] = None; import {}"


@pytest.mark.parametrize("name", ["intake", "batch_starter", "dead_letters", "stream_reader", "reconciler"])
def test_a_function_that_answers_no_request_does_without_what_routes_them(name: str) -> None:
    command = WITHOUT_POWERTOOLS.format(f"api.{name}")
    subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=True, timeout=60)
