"""The app as a command."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _run(tmp_path: Path, **told: str) -> subprocess.CompletedProcess[str]:
    """`python -m infra.app` where the path leads to no program at all, so to no Node but our own."""
    (tmp_path / "bin").mkdir()
    return subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=ROOT,
        env={"HOME": os.environ["HOME"], "PATH": str(tmp_path / "bin"), "TMPDIR": str(tmp_path), **told},
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_process_synthesizes_the_same_bytes_and_leaves_nothing_else(assembly: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = _run(tmp_path, CDK_OUTDIR=str(out))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    names = sorted(path.name for path in assembly.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    assert "Data.template.json" in names
    files = [name for name in names if not name.startswith("asset.")]  # an asset is named by the hash of what is in it
    assert filecmp.cmpfiles(assembly, out, files, shallow=False) == (files, [], [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "out"]


def test_bad_configuration_makes_nothing_and_exits_with_2(tmp_path: Path) -> None:
    deployment = tmp_path / "deployment.toml"
    deployment.write_text('[[pools]]\nname = "polqa-3"\nengine = "visqol"')
    ended = _run(tmp_path, MOSAIC_DEPLOYMENT=str(deployment), CDK_OUTDIR=str(tmp_path / "out"))
    assert ended.returncode == 2
    assert "stage: must be set" in ended.stderr
    assert not (tmp_path / "out").exists()
