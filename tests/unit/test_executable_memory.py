"""What the worker does by itself needs no memory that is both written to and run, which its unit forbids."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stand_ins.ordered_engine import ordered_wav

UNKNOWN = 77
# prctl(2), PR_SET_MDWE: the kernel's own form of the unit's MemoryDenyWriteExecute, from Linux 6.3 on.
FORBIDDEN = f"""
import ctypes, mmap, sys
from pathlib import Path
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit({UNKNOWN})
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    sys.exit("it is not forbidden: this test would prove nothing")
"""
WORK = """
import worker.__main__
from shared.job import Prepare
from worker import clients
from worker.audio.measures import measure
from worker.audio.prepare import prepare
directory = Path(sys.argv[1])
prepare(directory / "source.wav", directory / "target.wav", Prepare(resample=48000))
measure(directory / "target.wav")
clients.make(threads=1)
"""


def test_reading_measuring_and_preparing_audio_needs_none(tmp_path: Path) -> None:
    (tmp_path / "source.wav").write_bytes(ordered_wav({}))
    ended = subprocess.run(
        [sys.executable, "-c", FORBIDDEN + WORK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    if ended.returncode == UNKNOWN:
        pytest.skip("this kernel cannot forbid it")
    assert ended.returncode == 0, ended.stderr
