"""A preset: how to run one licensed command line and read what it says; a TOML file, validated whole.

docs/engines.md tells how to write one.
"""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from shared.pools import Mode
from worker.engines.engine import EngineError, FailureClass
from worker.hardening import NEEDS

SHIPPED = Path(__file__).with_name("presets")
LONGEST_SECONDS = 3600  # no run of any engine may take longer

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_PLACEHOLDERS = {"reference", "degraded", "output", "mode"}


def _compiled(pattern: object) -> object:
    """A pattern whose `^` and `$` are those of a line. What is no text is left to pydantic to refuse."""
    if not isinstance(pattern, str):
        return pattern
    try:
        return re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None


def _with_one_group(pattern: re.Pattern[str]) -> re.Pattern[str]:
    if pattern.groups != 1:
        raise ValueError(f"needs one group, around what is to be read, and has {pattern.groups}")
    return pattern


def _known_need(name: str) -> str:
    if name not in NEEDS:
        raise ValueError(f"{name!r} is none of {', '.join(NEEDS)}")
    return name


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


Word = Annotated[str, StringConstraints(min_length=1)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
ModeName = Annotated[str, StringConstraints(pattern=r"^(nb|swb|fb)$")]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_compiled)]
OneGroup = Annotated[Pattern, AfterValidator(_with_one_group)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
NeedName = Annotated[str, AfterValidator(_known_need)]
RateHz = Annotated[int, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToldFailure(_Part):
    """What it means when the tool fails in a certain way; `message` says what is wrong and what to do."""

    failure_class: FailureClass = Field(alias="class")
    code: Identifier
    message: Word


class PrintedFailure(ToldFailure):
    """A failure that is known by what the tool prints."""

    pattern: Pattern


class AskedVersion(_Part):
    """A command that prints the tool's version, and where in its output that is."""

    command: tuple[Word, ...] = Field(min_length=1)
    pattern: OneGroup


class PresetMode(_Part):
    """One scale: the words that choose it on the command line, and the audio that it takes (see `Mode`)."""

    arguments: tuple[Word, ...] = ()
    reference_rates_hz: tuple[RateHz, ...] = Field(min_length=1)
    degraded_rates_hz: tuple[RateHz, ...] = Field(min_length=1)
    same_rate: bool
    ceiling: float = Field(gt=1, le=5)
    min_seconds: float = Field(0.5, gt=0)
    max_seconds: float = Field(600, gt=0)

    @field_validator("max_seconds")
    @classmethod
    def _longer_than_shortest(cls, longest: float, info: ValidationInfo) -> float:
        if longest <= info.data.get("min_seconds", 0):
            raise ValueError("must be more than min_seconds")
        return longest


class Table(_Part):
    """The score is in the table that the tool writes at `{output}`: a row of names, a row of values, split by tabs.

    Lines that begin with `comment` are skipped. `details` gives further columns names of ours.
    """

    form: Literal["table"]
    column: Word
    comment: Word = "*"
    details: dict[Identifier, Word] = {}


class Printed(_Part):
    """The score is printed on standard output, as the group of `pattern`; `details` likewise."""

    form: Literal["printed"]
    pattern: OneGroup
    details: dict[Identifier, OneGroup] = {}


class OwnPair(_Part):
    """A pair for the self-test, at rates of the default mode: for a tool that refuses the generated one."""

    reference: AbsolutePath
    degraded: AbsolutePath


def _version_form(version: object) -> str:
    return "asked" if isinstance(version, Mapping | AskedVersion) else "stated"


def _as_seen(codes: dict[int, ToldFailure]) -> dict[int, ToldFailure]:
    """By what a parent sees of an exit code: its lowest 8 bits (wait(2)), so that -80 is 176."""
    seen = Counter(code % 256 for code in codes)
    if unclear := [code for code in codes if code % 256 == 0 or seen[code % 256] > 1]:
        raise ValueError(f"modulo 256, which is all that is seen, these are 0 or the same as another: {unclear}")
    return {code % 256: failure for code, failure in codes.items()}


class Preset(_Part):
    """How to run one licensed command line. Validation goes in the order of the fields: later look at earlier."""

    name: Word
    directory: AbsolutePath = Field(description="Where the tool runs; a licence is often read from there.")
    environment: dict[Word, str] = {}
    encoding: str = "utf-8"
    timeout_seconds: float = Field(LONGEST_SECONDS, gt=0, le=LONGEST_SECONDS)
    needs: tuple[NeedName, ...] = Field((), description="What the worker's unit withholds and the tool must have.")
    version: Annotated[
        Annotated[Word, Tag("stated")] | Annotated[AskedVersion, Tag("asked")], Discriminator(_version_form)
    ]
    settings: dict[Identifier, str | int | float | bool] = Field({}, description="Recorded with each score.")
    modes: dict[ModeName, PresetMode] = Field(min_length=1)
    default_mode: str
    score: Annotated[Table | Printed, Field(discriminator="form")]
    command: tuple[Word, ...] = Field(min_length=1)
    warnings: tuple[OneGroup, ...] = ()
    patterns: tuple[PrintedFailure, ...] = ()
    exit_codes: Annotated[dict[int, ToldFailure], AfterValidator(_as_seen)] = {}
    self_test: OwnPair | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            b"\xff".decode(encoding, errors="replace")
        except (LookupError, ValueError):
            raise ValueError(f"{encoding!r} is no encoding of text that Python knows") from None
        return encoding

    @field_validator("default_mode")
    @classmethod
    def _is_a_mode(cls, default: str, info: ValidationInfo) -> str:
        modes = info.data.get("modes", [default])
        if default not in modes:
            raise ValueError(f"{default!r} is none of the modes: {', '.join(modes)}")
        return default

    @field_validator("command")
    @classmethod
    def _has_its_placeholders(cls, command: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        modes = cast(Mapping[str, PresetMode], info.data.get("modes", {}))
        needed = {"reference", "degraded"}
        if isinstance(info.data.get("score"), Table):
            needed.add("output")
        if len(modes) > 1 or any(mode.arguments for mode in modes.values()):
            needed.add("mode")
        if problems := _problems(command, needed):
            raise ValueError("; ".join(problems))
        return command

    def command_line(self, mode: str, reference: Path, degraded: Path, output: Path) -> list[str]:
        """The words that score a pair in that mode, the program's name first."""
        values = {"reference": str(reference), "degraded": str(degraded), "output": str(output)}
        words: list[str] = []
        for word in self.command:
            if word == "{mode}":
                words += self.modes[mode].arguments
            else:
                words.append(_PLACEHOLDER.sub(lambda found: values[found[1]], word))
        return words

    def scales(self) -> tuple[Mode, ...]:
        """The modes, as an engine describes them."""
        return tuple(Mode(name=name, **mode.model_dump(exclude={"arguments"})) for name, mode in self.modes.items())

    def digest(self) -> str:
        """A short hash of all that a score depends on, so that nobody takes scores of unlike commands for alike."""
        content = self.model_dump_json(include={"command", "modes", "score"})
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def read_preset(name: str) -> Preset:
    """The preset that is shipped under that name, or the one in the TOML file of that path (`*.toml`).

    Raises EngineError (`config`) with every error that it has.
    """
    own = name.endswith(".toml")
    path = Path(name) if own else SHIPPED / f"{name}.toml"
    if not path.is_file() or not (own or path.parent == SHIPPED):
        raise _bad(name, ["there is no such file" if own else f"none of that name is shipped, only {shipped_names()}"])
    try:
        return Preset.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise _bad(name, [_line(each["loc"], each["msg"]) for each in error.errors()]) from None
    except (OSError, ValueError) as error:  # ValueError: neither TOML nor UTF-8
        raise _bad(name, [f"it cannot be read: {error}"]) from None


def shipped_names() -> str:
    """The presets that come with the worker, as a list in words."""
    return ", ".join(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def _problems(command: tuple[str, ...], needed: set[str]) -> list[str]:
    used = {name for word in command for name in _PLACEHOLDER.findall(word)}
    problems = [f"there is no placeholder {{{name}}}" for name in sorted(used - _PLACEHOLDERS)]
    problems += [f"{{{name}}} is missing" for name in sorted(needed - used)]
    joined = [word for word in command if "{mode}" in word and word != "{mode}"]
    problems += [f"{{mode}} must stand alone, not in {word!r}" for word in joined]
    if _PLACEHOLDER.search(command[0]):
        problems.append("the first word must be the program")
    return problems


def _bad(name: str, errors: list[str]) -> EngineError:
    lines = "".join(f"\n  {error}" for error in errors)
    return EngineError(FailureClass.CONFIG, "bad_preset", f"The preset {name!r} cannot be used:{lines}")


def _line(location: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, location))}: {message.removeprefix('Value error, ')}"
