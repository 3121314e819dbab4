"""One run of schemathesis, with every check that it has, against a running sandbox."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from api import openapi
from sandbox.children import ROOT
from tests.fuzz import things

HOOKS = 'hooks = "tests.fuzz.hooks"\n'
LEFT_OUT = """
[checks]
enabled = true

# A job that has not ended is cancelled by DELETE, and is still there: section 4 of the design.
[[operations]]
include-name = "GET /v1/jobs/{job_id}"
checks.use_after_free.enabled = false

# No schema tells audio from other bytes: bad_audio.
[[operations]]
include-name = "POST /v1/score"
checks.positive_data_acceptance.expected-statuses = ["2xx", "403", "404", "409", "422", "429"]

# A reference is there once its upload is verified, and these come before that.
[[operations]]
include-path = "/v1/references/{sha256}"
checks.ensure_resource_availability.enabled = false
"""
KNOWN_PROBABILITY = 0.6  # of an id that there is


@dataclass(frozen=True)
class Outcome:
    """How many requests were judged, how it ended, and what was printed."""

    cases: int
    code: int
    printed: str


def fuzz(url: str, key: str, directory: Path, examples: int, seed: int, more: tuple[str, ...] = ()) -> Outcome:
    """Send so many requests of each call and phase, at most; `directory` is for what is written meanwhile."""
    document, configuration = directory / "openapi.json", directory / "schemathesis.toml"
    ids = things.made(url, key)
    document.write_text(json.dumps(_document(url, key)), encoding="utf-8")
    configuration.write_text(_configuration(ids), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run", str(document)),
        *("--url", url, "--header", f"x-api-key: {key}"),
        *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--no-color", *more),
    ]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"}  # where the hooks are
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment, check=False)
    printed = done.stdout + done.stderr
    counted = re.search(r"Test cases:\s*([\d,]+) generated", printed) or re.search(r"([\d,]+) generated", printed)
    return Outcome(int(counted[1].replace(",", "")) if counted else 0, done.returncode, printed)


def _document(url: str, key: str) -> dict[str, Any]:
    """The committed document, narrowed to what this sandbox has: another engine is of the right form, yet refused."""
    document: dict[str, Any] = json.loads(openapi.FILE.read_text(encoding="utf-8"))
    (pool,) = httpx.get(f"{url}/v1/service", headers={"x-api-key": key}, trust_env=False).json()["pools"]
    served = {"engine": [pool["engine"]], "mode": [mode["name"] for mode in pool["modes"]]}
    _narrow(document["paths"]["/v1/score"]["post"], served)
    for path, cursor in things.cursors(url, key).items():
        _narrow(document["paths"][path]["get"], {"cursor": [cursor]})
    for model in ("NewJob", "NewItem"):
        for name in ("engine", "mode"):
            document["components"]["schemas"][model]["properties"][name] = {"enum": [*served[name], None]}
    return document


def _narrow(operation: dict[str, Any], known: dict[str, list[str]]) -> None:
    for parameter in operation["parameters"]:
        if parameter["name"] in known:
            parameter["schema"] = {"type": "string", "enum": known[parameter["name"]]}


def _configuration(ids: dict[str, list[str]]) -> str:
    parts = [HOOKS, LEFT_OUT]
    parts += [f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n" for name, values in ids.items()]
    bound = [f'"path.{name}" = {{ dictionary = "{name}", probability = {KNOWN_PROBABILITY} }}\n' for name in ids]
    return "\n".join([*parts, "[parameters]", *bound, '"query.reference" = { dictionary = "sha256" }\n'])
