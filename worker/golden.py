"""Golden pairs: recordings whose scores the deployer knows, to see whether an engine still gives them."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FILE = "golden.csv"
COLUMNS = ("custom_id", "reference", "degraded", "mode", "mos_lqo")


class BadGolden(Exception):
    """Every error found in a folder of golden pairs."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class GoldenPair(BaseModel):
    """Two files and the score recorded for them, in MOS. An empty mode is the engine's default."""

    model_config = ConfigDict(frozen=True)

    custom_id: str = Field(min_length=1)
    reference: Path
    degraded: Path
    mode: str
    mos_lqo: float = Field(ge=1, le=5)

    @model_validator(mode="after")
    def _files_are_there(self) -> Self:
        if missing := [str(path) for path in (self.reference, self.degraded) if not path.is_file()]:
            raise ValueError(f"there is no file {' nor '.join(missing)}")
        return self


def read(directory: Path) -> list[GoldenPair]:
    """The pairs of the manifest `golden.csv` in that folder, from which paths count. Raises BadGolden."""
    path = directory / FILE
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise BadGolden([f"{path}: {error}"]) from None
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise BadGolden([f"{path}: it needs a row of names, {','.join(COLUMNS)}, and a row for each pair"])
    pairs, errors = [], []
    for line, row in enumerate(rows, start=2):
        try:
            pairs.append(GoldenPair.model_validate(_in(directory, row)))
        except ValidationError as error:
            errors += [f"{path} line {line}: {_words(each['loc'], each['msg'])}" for each in error.errors()]
    if errors:
        raise BadGolden(errors)
    return pairs


def _in(directory: Path, row: Mapping[str, str | None]) -> dict[str, str | Path | None]:
    """A row whose paths count from that folder; what is missing stays None and is told as an error."""
    values: dict[str, str | Path | None] = {name: row[name] for name in COLUMNS}
    return values | {name: directory / file for name in ("reference", "degraded") if (file := row[name])}


def _words(location: tuple[int | str, ...], message: str) -> str:
    return ": ".join([*map(str, location), message.removeprefix("Value error, ")])
