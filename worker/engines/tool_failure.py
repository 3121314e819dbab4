"""What it means that a tool failed: what it printed and how it ended, in the words of the preset."""

from worker.engines.command import Ended
from worker.engines.engine import EngineError, FailureClass
from worker.engines.preset import Preset, ToldFailure
from worker.processes import exit_cause

SAID_CHARACTERS = 300  # so much of what a tool said last is told to the operator

# These reach the operator alone, so they hold the tool's own words, which may name the licence, its holder or a path.
FOR_THE_OPERATOR = {FailureClass.LICENCE, FailureClass.CONFIG, FailureClass.THROTTLED}


def tool_failure(preset: Preset, ended: Ended) -> EngineError | None:
    """How the tool failed, None where it ended well.

    What it printed comes first, whatever its exit code: words are more exact than a number, and the numbers differ
    between versions of one tool. A crash, and a code that the preset does not know, is `transient`.
    """
    for known in preset.patterns:
        if known.pattern.search(f"{ended.output}\n{ended.errors}"):
            return _error(known, ended)
    if ended.return_code == 0:
        return None
    if known_code := preset.exit_codes.get(ended.return_code):
        return _error(known_code, ended)
    code = "tool_crashed" if ended.return_code < 0 else "tool_failed"
    return EngineError(FailureClass.TRANSIENT, code, f"The tool ended with {exit_cause(ended.return_code)}.")


def said(ended: Ended) -> str:
    """What the tool said last, on one line: of its errors, or of its output where it printed no error."""
    text = ended.errors if ended.errors.strip() else ended.output
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[-SAID_CHARACTERS:]


def _error(known: ToldFailure, ended: Ended) -> EngineError:
    message = known.message
    if known.failure_class in FOR_THE_OPERATOR:
        message += f" The tool ended with {exit_cause(ended.return_code)} and said: {said(ended) or 'nothing'}"
    return EngineError(known.failure_class, known.code, message)
