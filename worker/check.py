"""`python -m worker check`: whether the engine and its licence are well on this machine, and what has changed.

Exit codes: 0 all is well; 1 the engine or its licence is not, or a golden score is off; 2 bad settings.
"""

import argparse
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from shared import logs, settings
from shared.settings import BadSettings
from worker import golden, last_well, unit_sandbox
from worker.check_report import describe, golden_lines, measuring_line, mode_lines, row
from worker.engines.engine import Description, EngineError, FailureClass
from worker.fingerprint import fingerprint
from worker.golden import BadGolden, GoldenPair
from worker.trial import Finding, Trial, licence_state, measuring

WELL, NOT_WELL, BAD = range(3)
TOLERANCE_MOS = 0.01  # one build of an engine gives one score; another may round it otherwise

CURRENT, NEW = "current", "new"  # how the engine of the settings and that of --preset are called


class CheckSettings(BaseModel):
    """`MOSAIC_*` of the check, which are the worker's: only the engine is needed."""

    model_config = ConfigDict(frozen=True)

    engine: str
    state_directory: Path | None = None


@dataclass(frozen=True)
class Request:
    """What is to be checked, all of it read and found good."""

    trials: Mapping[str, Trial]
    pairs: Sequence[GoldenPair]
    tolerance: float
    state: Path | None


def main(arguments: Sequence[str]) -> int:
    """Check, in the sandbox of the worker's unit where that can be; the exit code."""
    options = _options(arguments)
    unit = os.environ.get(unit_sandbox.INSIDE)
    why_not = None if unit else unit_sandbox.why_not()
    if not unit and not why_not:
        words = [sys.executable, "-m", "worker.check", *_words(options)]
        return subprocess.run(unit_sandbox.command(words), check=False).returncode  # noqa: S603 - this very check
    try:
        request = _request(options)
    except BadSettings as error:
        print(f"The check cannot start:\n{error}", file=sys.stderr)
        return BAD
    print(row("sandbox", f"that of {unit}" if unit else f"none: {why_not}"))
    return WELL if _check(request) else NOT_WELL


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m worker check", description=__doc__, allow_abbrev=False)
    parser.add_argument("--preset", help="a POLQA preset, shipped or a TOML file, to check beside the current engine")
    parser.add_argument("--golden", type=Path, help=f"a folder of pairs with known scores, listed in {golden.FILE}")
    parser.add_argument("--tolerance", type=_tolerance, default=TOLERANCE_MOS, help="MOS; default: %(default)s")
    parser.add_argument("--state", type=Path, help="where to keep what it was when it worked (MOSAIC_STATE_DIRECTORY)")
    options = parser.parse_args(arguments)
    if options.preset and options.preset.endswith(".toml"):
        options.preset = str(Path(options.preset).absolute())
    for name in ("golden", "state"):
        if getattr(options, name):
            setattr(options, name, getattr(options, name).absolute())
    return options


def _tolerance(text: str) -> float:
    try:
        mos = float(text)
    except ValueError:
        mos = math.nan
    if not 0 <= mos < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no tolerance: give MOS, 0 or more, as 0.02")
    return mos


def _words(options: argparse.Namespace) -> list[str]:
    return [f"--{name}={value}" for name, value in vars(options).items() if value is not None]


def _request(options: argparse.Namespace) -> Request:
    """Raises BadSettings with every error."""
    errors: list[str] = []
    names: dict[str, str] = {}
    state = options.state
    try:
        told = settings.read(CheckSettings, os.environ)
        names[CURRENT] = told.engine
        state = state or told.state_directory
        if told.state_directory:
            os.environ.setdefault("NUMBA_CACHE_DIR", str(told.state_directory / "numba"))  # the worker's own
    except BadSettings as error:
        errors += error.errors
    if options.preset:
        names[NEW] = f"polqa:{options.preset}"
    trials = {label: trial for label, name in names.items() if (trial := _trial(name, errors))}
    pairs = _pairs(options.golden, errors)
    if errors:
        raise BadSettings(errors)
    return Request(trials, pairs, options.tolerance, state)


def _trial(name: str, errors: list[str]) -> Trial | None:
    try:
        return Trial(name)
    except EngineError as error:
        errors.append(error.message)
        return None


def _pairs(directory: Path | None, errors: list[str]) -> list[GoldenPair]:
    try:
        return golden.read(directory) if directory else []
    except BadGolden as error:
        errors += error.errors
        return []


def _check(request: Request) -> bool:
    machine = fingerprint()
    facts: dict[str, str] = {}
    well = True
    for label, trial in request.trials.items():
        if len(request.trials) > 1:
            print(f"\nthe {label} engine:")
        engine = _describe(trial)
        well = _try_modes(trial, engine) and well
        if label == CURRENT:
            facts = (describe(engine) if engine else {}) | machine
    measured = measuring()
    well = well and not measured.error
    print(f"\n{measuring_line(measured)}")
    for name, fact in machine.items():
        print(row(name, fact))
    print(row("changed", _changes(request.state, facts)))
    if request.pairs:
        well = _score_golden(request) and well
    if well and request.state:
        _keep(request.state, facts)
    return well


def _keep(state: Path, facts: Mapping[str, str]) -> None:
    try:
        last_well.write(state, facts)
    except OSError as error:
        print(row("not kept", f"what it was, for the next check to compare with: {error}"))


def _describe(trial: Trial) -> Description | None:
    try:
        description = trial.describe()
    except EngineError as error:
        print(row("engine", f"not well: {error}"))
        lost = error.failure_class is FailureClass.LICENCE
        print(row("licence", "lost" if lost else "not known: the engine does not even tell what it is"))
        return None
    for name, fact in describe(description).items():
        print(row(name, fact))
    return description


def _try_modes(trial: Trial, description: Description | None) -> bool:
    if description is None:
        return False
    findings = trial.modes()
    for line in mode_lines(description, findings):
        print(line)
    print(row("licence", licence_state(description, findings)))
    return not any(finding.error for finding in findings.values())


def _changes(state: Path | None, facts: Mapping[str, str]) -> str:
    if state is None:
        return "not known: set MOSAIC_STATE_DIRECTORY or --state"
    if (last := last_well.read(state)) is None:
        return "not known: it has not worked here before"
    changes = "; ".join(last.changes(facts)) or "nothing"
    return f"{changes} (since it last worked, {last.at})"


def _score_golden(request: Request) -> bool:
    findings: list[Mapping[str, Finding]] = [
        {label: trial.score(pair.reference, pair.degraded, pair.mode) for label, trial in request.trials.items()}
        for pair in request.pairs
    ]
    print(f"\ngolden pairs, in MOS, tolerance {request.tolerance:g}:")
    lines, agree = golden_lines(request.pairs, findings, request.tolerance)
    for line in lines:
        print(line)
    return agree


if __name__ == "__main__":
    logs.configure("check", sys.stderr)  # beside the report, not within it
    sys.exit(main(sys.argv[1:]))
