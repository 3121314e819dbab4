"""Reads the score out of what a tool wrote or printed. What is no whole, plain number within the scale is no score."""

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from shared.pools import Mode
from worker.engines.command import decoded
from worker.engines.engine import EngineError, FailureClass, Score, check_score
from worker.engines.preset import Preset, Printed, Table

MAX_TABLE_BYTES = 1024 * 1024
MAX_WARNINGS = 20
_MAX_WARNING_LENGTH = 300

_TABS = re.compile(r" *\t[\t ]*")  # columns are lined up with several
_NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d{1,15})?(e[+-]?\d{1,2})?", re.IGNORECASE | re.ASCII)


def read_score(preset: Preset, mode: Mode, printed: str, table: Path, begun_ns: int) -> Score:
    """The score in `mode`, with whatever else the preset tells to read; what of that is no number is left out.

    `printed` is the tool's standard output, with \\n at line ends; `table` is where it was told to write one, later
    than `begun_ns` by the file system's clock. Raises EngineError (`transient`) where there is no usable score.
    """
    form = preset.score
    if isinstance(form, Table):
        score = _from_table(form, _read_table(table, preset.encoding, begun_ns))
    else:
        score = _from_printed(form, printed)
    check_score(score, mode)
    return replace(score, warnings=tuple(_warnings(preset, printed)))


def _read_table(path: Path, encoding: str, begun_ns: int) -> str:
    try:
        found = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(found.st_mode) and found.st_size <= MAX_TABLE_BYTES else b""
    except OSError as error:
        raise _no_score("no_output", f"The tool ended well, but its output cannot be read: {error.strerror}") from None
    if found.st_mtime_ns < begun_ns:
        raise _no_score("stale_output", "The tool ended well, but its output is older than this run")
    if not content.strip():
        raise _no_score("no_output", "The tool ended well, but its output is empty, too long or no file")
    return decoded(content, encoding).removeprefix("\ufeff")


def _from_table(form: Table, content: str) -> Score:
    lines = [line.strip() for line in content.split("\n")]
    rows = [re.split(_TABS, line) for line in lines if line and not line.startswith(form.comment)]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]):
        widths = [len(row) for row in rows[:5]]
        raise _no_score("no_score", f"The table is not two rows of one length: {len(rows)} rows, of {widths} fields")
    if rows[0].count(form.column) != 1:
        raise _no_score("no_score", f"The table has not one column {form.column!r} but {rows[0].count(form.column)}")
    row = dict(zip(*rows, strict=True))
    score = _score(row.pop(form.column))
    details = _numbers({name: row.pop(column, "") for name, column in form.details.items()})
    if others := _numbers(row):
        details["columns"] = others
    return Score(score, details)


def _from_printed(form: Printed, printed: str) -> Score:
    found = set(_found(form.pattern, printed))
    if len(found) != 1:
        problem = "has no score" if not found else f"has several scores: {sorted(found)[:3]}"
        raise _no_score("no_score", f"What the tool printed {problem}")
    details = {name: next(_found(pattern, printed), "") for name, pattern in form.details.items()}
    return Score(_score(found.pop()), _numbers(details))


def _warnings(preset: Preset, printed: str) -> Iterator[str]:
    found = [text for pattern in preset.warnings for text in _found(pattern, printed)]
    return (text[:_MAX_WARNING_LENGTH] for text in list(dict.fromkeys(found))[:MAX_WARNINGS])


def _found(pattern: re.Pattern[str], printed: str) -> Iterator[str]:
    return (text for match in pattern.finditer(printed) if (text := (match[1] or "").strip(" \t\n,;")))


def _score(text: str) -> float:
    if _NUMBER.fullmatch(text) is None:  # not a comma's "3,21", of which a laxer reader would take the 3
        raise _no_score("unusable_score", f"The tool's score is no plain number: {text[:20]!r}")
    return float(text)


def _numbers(texts: Mapping[str, str]) -> dict[str, JsonValue]:
    return {name: float(text) for name, text in texts.items() if _NUMBER.fullmatch(text)}


def _no_score(code: str, message: str) -> EngineError:
    return EngineError(FailureClass.TRANSIENT, code, f"{message}.")
