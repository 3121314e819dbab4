"""POLQA (ITU-T P.863) by its licensed command line, run as a preset says."""

import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from subprocess import SubprocessError, TimeoutExpired

from shared import logs
from worker.engines import test_pair
from worker.engines.command import Ended, run
from worker.engines.engine import UNKNOWN_VERSION, Description, EngineError, FailureClass, Score
from worker.engines.preset import AskedVersion, read_preset, shipped_names
from worker.engines.score_reading import read_score
from worker.engines.tool_failure import FOR_THE_OPERATOR, said, tool_failure
from worker.hardening import unit_lines
from worker.processes import exit_cause

ASK_SECONDS = 20.0  # to print its version, a tool may take so long

log = logs.get(__name__)


class PolqaEngine:
    """One licensed tool; each score is a run of it."""

    def __init__(self, preset: str) -> None:
        """`preset` is the name of a shipped one, or the path of a TOML file. Raises EngineError (`config`)."""
        if not preset:
            message = f"POLQA needs a preset: polqa:NAME (shipped are {shipped_names()}) or polqa:/path/to/own.toml."
            raise EngineError(FailureClass.CONFIG, "no_preset", message)
        self._preset = read_preset(preset)

    def describe(self) -> Description:
        """What the preset says of it; where that says to ask the tool for its version, it is run once.

        One that does not tell, for want of its licence perhaps, is at UNKNOWN_VERSION: its self-test says why. Raises
        EngineError (`config`) where the tool is not there.
        """
        preset = self._preset
        self._found(preset.command[0])
        settings = {"preset": preset.name, "preset_digest": preset.digest(), **preset.settings}
        return Description(
            "polqa",
            self._version,
            preset.scales(),
            preset.default_mode,
            settings,
            limit_seconds=preset.timeout_seconds,
            unit=unit_lines(preset.needs, preset.directory),
        )

    def self_test(self) -> None:
        """Score a pair in the default mode, once, since a licence may count runs.

        Raises EngineError; also where the tool does not tell its version, for no score may be without one.
        """
        if isinstance(self._told_version, EngineError):
            raise self._told_version
        mode = self.describe().mode(self._preset.default_mode)
        with tempfile.TemporaryDirectory() as directory:
            own = self._preset.self_test
            pair = (own.reference, own.degraded) if own else test_pair.write(Path(directory), mode)
            try:
                self.score(*pair, mode.name, Path(directory))
            except EngineError as error:
                if error.failure_class is not FailureClass.BAD_INPUT:
                    raise
                message = (
                    f"The tool refuses the pair of the self-test ({error}). Name a pair in the preset's self_test."
                )
                raise EngineError(FailureClass.CONFIG, "self_test_failed", message) from error

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        """Run the tool on two files. Details: what the preset tells to read beside the score.

        Raises EngineError: of the class that the preset gives to what the tool printed, else to its exit code;
        `transient` where the preset knows neither, or where the tool ended well but left no usable score.
        """
        scale = self.describe().mode(mode)
        preset = self._preset
        fresh = Path(tempfile.mkdtemp(prefix="polqa-", dir=scratch.absolute()))  # so nothing in it is of another run
        begun_ns, output = fresh.stat().st_mtime_ns, fresh / "polqa.out"
        words = preset.command_line(mode, reference.absolute(), degraded.absolute(), output)
        try:
            ended = self._run(words, preset.timeout_seconds)
        except TimeoutExpired:
            message = f"The tool did not end within {preset.timeout_seconds:g} s and was killed."
            raise EngineError(FailureClass.TRANSIENT, "tool_timed_out", message) from None
        if failure := tool_failure(preset, ended):
            if failure.failure_class not in FOR_THE_OPERATOR:  # whose message tells what the tool said
                log.warning("tool_failed", code=failure.code, ended=exit_cause(ended.return_code), said=said(ended))
            raise failure
        return read_score(preset, scale, ended.output, output, begun_ns)

    @property
    def _version(self) -> str:
        return self._told_version if isinstance(self._told_version, str) else UNKNOWN_VERSION

    @cached_property
    def _told_version(self) -> str | EngineError:
        """The version, or why it is not known.

        Where the tool is asked, what it prints counts and not how it ends: many print it with their usage.
        """
        stated = self._preset.version
        if not isinstance(stated, AskedVersion):
            return stated
        try:
            ended = self._run(list(stated.command), ASK_SECONDS)
        except TimeoutExpired:
            return _unknown_version(f"it printed none within {ASK_SECONDS:g} s")
        except EngineError as error:
            return error
        if found := stated.pattern.search(f"{ended.output}\n{ended.errors}"):
            return found[1].strip()
        failure = tool_failure(self._preset, ended)
        if failure and failure.failure_class is FailureClass.LICENCE:
            return failure
        return _unknown_version(f"it ended with {exit_cause(ended.return_code)} and said: {said(ended)}")

    def _run(self, words: list[str], limit: float) -> Ended:
        preset = self._preset
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        try:
            return run(
                [self._found(words[0]), *words[1:]],
                directory=preset.directory,
                environment=inherited | preset.environment,
                encoding=preset.encoding,
                limit=limit,
            )
        except TimeoutExpired:
            raise
        except (OSError, SubprocessError) as error:  # whatever it is, it is not the fault of what was to be scored
            raise EngineError(
                FailureClass.CONFIG, "tool_not_started", f"The tool cannot be started: {error}."
            ) from None

    def _found(self, program: str) -> str:
        """The program, in the preset's directory or else by PATH. Raises EngineError (`config`) where it is neither."""
        here = self._preset.directory / program
        found = shutil.which(here) or (shutil.which(program) if Path(program).name == program else None)
        if found and self._preset.directory.is_dir():
            return found
        message = f"There is no program {here}, or nothing may run there. Install the tool, or mend the preset."
        raise EngineError(FailureClass.CONFIG, "engine_not_installed", message)


def _unknown_version(why: str) -> EngineError:
    message = f"The tool does not tell its version as the preset expects: {why}"
    return EngineError(FailureClass.CONFIG, "unknown_version", message)
