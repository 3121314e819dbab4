"""A preset: how to run one licensed command line and read what it says, as a TOML file that is validated whole."""

import codecs
import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, cast

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
    model_validator,
)

from shared.pools import Mode
from worker.engines.engine import EngineError, FailureClass

SHIPPED = Path(__file__).with_name("presets")
LONGEST_SECONDS = 3600  # no engine run may take longer

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_PLACEHOLDERS = {"reference", "degraded", "output", "mode"}


def _compiled(pattern: object) -> object:
    """With `^` and `$` at each line. What is no text is left to pydantic to refuse."""
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


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


Word = Annotated[str, StringConstraints(min_length=1)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_compiled)]
OneGroup = Annotated[Pattern, AfterValidator(_with_one_group)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
RateHz = Annotated[int, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class ToldFailure(_Part):
    """What it means when the tool fails in a certain way; `message` says what is wrong and what to do."""

    failure_class: FailureClass = Field(alias="class")
    code: Identifier
    message: Word


class PatternFailure(ToldFailure):
    """A failure that is told by what the tool prints."""

    pattern: Pattern


class AskedVersion(_Part):
    """A command that prints the tool's version, and where in what it prints."""

    command: tuple[Word, ...] = Field(min_length=1)
    pattern: OneGroup


class PresetMode(_Part):
    """One scale: the words that choose it on the command line, and the audio that it takes, as in `Mode`."""

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
    """The score is in the table that the tool writes at `{output}`: a row of names and one of values, tab-separated.

    Lines that begin with `comment` are skipped. `details` names further columns in words of our own.
    """

    form: Literal["table"]
    column: Word
    comment: Word = "*"
    details: dict[Identifier, Word] = {}


class Printed(_Part):
    """The score is printed on standard output: the group of `pattern`. `details` are read likewise."""

    form: Literal["printed"]
    pattern: OneGroup
    details: dict[Identifier, OneGroup] = {}


class OwnPair(_Part):
    """A pair for the self-test, where the tool refuses the generated one. In the default mode's rates."""

    reference: AbsolutePath
    degraded: AbsolutePath


def _version_form(version: object) -> str:
    return "asked" if isinstance(version, Mapping | AskedVersion) else "stated"


def _as_seen(codes: dict[int, ToldFailure]) -> dict[int, ToldFailure]:
    """By the exit status that a parent sees: modulo 256 (wait(2)), so that -80 is 176."""
    if clashes := sorted(code for code in codes if code % 256 == 0 or sum(code % 256 == each % 256 for each in codes) > 1):
        raise ValueError(f"modulo 256, all that is seen of them, these are 0 or the same as others: {clashes}")
    return {code % 256: failure for code, failure in codes.items()}


class Preset(_Part):
    """How to run one licensed command line. The order of fields is that of validation: later ones look at earlier."""

    name: Word
    directory: AbsolutePath = Field(description="Where the tool runs; licences are often read from there.")
    environment: dict[Word, str] = {}
    encoding: str = "utf-8"
    timeout_seconds: float = Field(LONGEST_SECONDS, gt=0, le=LONGEST_SECONDS)
    version: Annotated[
        Annotated[Word, Tag("stated")] | Annotated[AskedVersion, Tag("asked")], Discriminator(_version_form)
    ]
    settings: dict[Identifier, str | int | float | bool] = Field({}, description="Recorded with each score.")
    modes: dict[Literal["nb", "swb", "fb"], PresetMode] = Field(min_length=1)
    default_mode: str
    score: Annotated[Table | Printed, Field(discriminator="form")]
    command: tuple[Word, ...] = Field(min_length=1)
    warnings: tuple[OneGroup, ...] = ()
    patterns: tuple[PatternFailure, ...] = ()
    exit_codes: Annotated[dict[int, ToldFailure], AfterValidator(_as_seen)] = {}
    self_test: OwnPair | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise ValueError("is no encoding that Python knows") from None
        return encoding

    @field_validator("default_mode")
    @classmethod
    def _is_a_mode(cls, default: str, info: ValidationInfo) -> str:
        modes = info.data.get("modes", [default])
        if default not in modes:
            raise ValueError(f"is none of the modes: {', '.join(modes)}")
        return default

    @field_validator("command")
    @classmethod
    def _has_its_placeholders(cls, command: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        modes = cast(Mapping[str, PresetMode], info.data.get("modes", {}))
        needed = {"reference", "degraded"}
        needed |= {"output"} if isinstance(info.data.get("score"), Table) else set()
        needed |= {"mode"} if len(modes) > 1 or any(mode.arguments for mode in modes.values()) else set()
        if problems := _problems(command, needed):
            raise ValueError("; ".join(problems))
        return command

    def command_line(self, mode: str, reference: Path, degraded: Path, output: Path) -> list[str]:
        """The arguments that score a pair, the program's name first."""
        values = {"reference": str(reference), "degraded": str(degraded), "output": str(output)}
        line: list[str] = []
        for word in self.command:
            if word == "{mode}":
                line += self.modes[_known(mode)].arguments
            else:
                line.append(_PLACEHOLDER.sub(lambda found: values[found[1]], word))
        return line

    def scales(self) -> tuple[Mode, ...]:
        """The modes as an engine describes them."""
        return tuple(
            Mode(name=name, **mode.model_dump(exclude={"arguments"})) for name, mode in self.modes.items()
        )

    def digest(self) -> str:
        """A short hash of what the score depends on: two scores by unlike commands never look alike."""
        content = self.model_dump_json(include={"command", "modes", "score"})
        return hashlib.sha256(content.encode()).hexdigest()[:12]


