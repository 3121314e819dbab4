"""Golden pairs: recordings whose scores the deployer knows, to see whether an engine still gives them."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from shared.settings import words

FILE = "golden.csv"
COLUMNS = ("custom_id", "reference", "degraded", "mode", "mos_lqo")
POINT = "A score is written with a point, as 3.25"


class BadGolden(Exception):
    """Every error found in a folder of golden pairs, each with its line and column."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def _there(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


class GoldenPair(BaseModel):
    """Two files and the score recorded for them, in MOS. An empty mode is the engine's default."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    custom_id: str = Field(min_length=1)
    reference: Annotated[Path, AfterValidator(_there)]
    degraded: Annotated[Path, AfterValidator(_there)]
    mode: str
    mos_lqo: float = Field(ge=1, le=5)


def read(directory: Path) -> list[GoldenPair]:
    """The pairs of the manifest `golden.csv` in that folder, from which paths count. Raises BadGolden."""
    path = directory / FILE
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            lines = [(rows.line_num, row) for row in rows if row]
    except (OSError, ValueError, csv.Error) as error:
        raise BadGolden([f"{path}: {error}"]) from None
    if sorted(header) != sorted(COLUMNS) or not lines:
        raise BadGolden([f"{path}: it needs a row of names, {','.join(COLUMNS)}, no other, and a row for each pair"])
    pairs: list[tuple[int, GoldenPair]] = []
    errors: list[str] = []
    for line, row in lines:
        try:
            pairs.append((line, _pair(directory, header, row)))
        except BadGolden as bad:
            errors += [f"{path} line {line}{error}" for error in bad.errors]
    errors += [f"{path} line {error}" for error in _repeated(pairs)]
    if errors:
        raise BadGolden(errors)
    return [pair for _, pair in pairs]


def _repeated(pairs: Iterable[tuple[int, GoldenPair]]) -> Iterator[str]:
    line_of: dict[str, int] = {}
    for line, pair in pairs:
        if (first := line_of.setdefault(pair.custom_id, line)) != line:
            yield f"{line}, column custom_id: {pair.custom_id!r} is that of line {first}, too"


def _pair(directory: Path, header: list[str], row: list[str]) -> GoldenPair:
    """The pair of a row. Raises BadGolden with what follows its line's number."""
    if len(row) > len(header):
        raise BadGolden([f": {len(row)} cells, and there are {len(header)} columns. {POINT}"])
    values = dict(zip(header, row, strict=False))
    paths = {name: directory / values[name] for name in ("reference", "degraded") if values.get(name)}
    try:
        return GoldenPair.model_validate(values | paths)
    except ValidationError as error:
        raise BadGolden([f", column {each['loc'][0]}: {_words(each)}" for each in error.errors()]) from None


def _words(details: ErrorDetails) -> str:
    return f"{words(details)}. {POINT}" if details["type"] == "float_parsing" else words(details)
