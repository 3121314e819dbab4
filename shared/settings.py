"""Settings: read once from the environment, validated whole, every error told at once."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

PREFIX = "MOSAIC_"

S = TypeVar("S", bound=BaseModel)


class BadSettings(Exception):
    """Every error found in the settings, a line each, each naming the variable to mend."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def read(model: type[S], environment: Mapping[str, str]) -> S:
    """Settings of that model from `MOSAIC_*` variables; fields that are models or tuples are given as JSON.

    Raises BadSettings with every error. An unknown `MOSAIC_*` variable is left alone: processes share environments.
    """
    given = {
        name: environment[variable] for name in model.model_fields if (variable := PREFIX + name.upper()) in environment
    }
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise BadSettings([_line(details["loc"], details["msg"]) for details in error.errors()]) from None


def _line(location: tuple[int | str, ...], message: str) -> str:
    name, *inner = location or ("settings",)
    path = "".join(f"[{part!r}]" for part in inner)
    return f"{PREFIX}{str(name).upper()}{path}: {message}"
