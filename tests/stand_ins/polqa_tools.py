"""Puts the stand-in for POLQA where a preset looks for it, and pairs of files for it to score."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from tests.stand_ins import polqa_cli
from tests.wavs import chunk, wav
from worker.engines.preset import SHIPPED

PRESETS = ("opticom-table", "opticom-stdout", "swissqual-squad")


def install(
    directory: Path, preset: str, orders: str = "ok", more: str = "", changes: Mapping[str, str] | None = None
) -> str:
    """Do what a deployer does: put the tool in place, copy a shipped preset and set what is one's own.

    `orders` are those of `polqa_cli`, `more` is put before the preset's tables, `changes` are old text and new. Returns
    the name of the engine.
    """
    shipped = (SHIPPED / f"{preset}.toml").read_text()
    told = tomllib.loads(shipped)
    tool = directory / told["command"][0]
    _, _, program = Path(polqa_cli.__file__).read_text().partition("\n")
    tool.write_text(f"#!{sys.executable} -IS\n{program}")  # this interpreter at its quickest
    tool.chmod(0o755)
    own = shipped.replace(f'directory = "{told["directory"]}"', f'directory = "{directory}"')
    own = own.replace("[environment]", f'{more}\n[environment]\n{polqa_cli.ORDERS} = "{orders}"')
    for old, new in (changes or {}).items():
        assert old in own
        own = own.replace(old, new)
    path = directory / "polqa.toml"
    path.write_text(own)
    return f"polqa:{path}"


def pair(directory: Path, orders: str | None = None) -> tuple[Path, Path]:
    """A reference, with the orders inside where there are any, and a degraded file; both are silence."""
    inside: dict[str, JsonValue] = {"polqa": orders} if orders else {}
    reference, degraded = directory / "reference.wav", directory / "degraded.wav"
    reference.write_bytes(wav(1, 48000, before=[chunk(b"ordr", json.dumps(inside).encode())]))
    degraded.write_bytes(wav(1, 48000))
    return reference, degraded
