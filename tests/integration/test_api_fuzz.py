"""The API keeps to docs/openapi.json whatever it is sent: schemathesis, with all its checks, from a fixed seed.

`make api-fuzz` does the same with thousands of requests, from a seed of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import run
from tests.integration.test_sandbox import sandbox

SEED = 863
EXAMPLES = 2
LEAST = 300


@pytest.mark.timeout(180)
def test_whatever_is_sent_the_answer_is_one_that_the_document_tells_of(tmp_path: Path) -> None:
    with sandbox(tmp_path / "state") as running:
        running.until("Ready.")
        url, key = running.told()
        outcome = run.fuzz(url, key, tmp_path, EXAMPLES, SEED)
        running.process.terminate()
        running.ended()
    assert outcome.code == 0, outcome.printed
    assert outcome.cases >= LEAST
