"""Real speech gets its published scores, through the command line and everything behind it.

Scores: google/visqol 38d0b01, `src/include/conformance.h` (speech mode, lattice mapping); the tolerance is what
visqol-python 3.8.0 is known to keep.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import RunningSandbox

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "visqol"
TOLERANCE = 0.01

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real speech is not beside this checkout")


@pytest.mark.parametrize(("degraded", "published"), [("transcoded_CA01_01.wav", 3.312923), ("CA01_01.wav", 4.505550)])
def test_the_command_line_gives_the_published_score(sandbox: RunningSandbox, degraded: str, published: float) -> None:
    scored = subprocess.run(
        [sys.executable, "-m", "mosaic", "score", str(CORPUS / "CA01_01.wav"), str(CORPUS / degraded), "--json"],
        env={**os.environ, "MOSAIC_URL": sandbox.url, "MOSAIC_API_KEY": sandbox.api_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert scored.returncode == 0, scored.stderr
    job = json.loads(scored.stdout)
    assert job["state"] == "succeeded"
    assert job["result"]["mos_lqo"] == pytest.approx(published, abs=TOLERANCE)
    assert job["result"]["engine"]["name"] == "visqol"
