"""Settings: read once from the environment, validated whole, every error told at once."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

PREFIX = "MOSAIC_"

CONSEQUENCE = "default_factory_not_called"  # of another error, by which a default cannot be told

# What pydantic says to programmers, for operators: by the types of "Validation errors" in its documentation.
_WORDS = {
    "missing": "must be set",
    "value_error": "{error}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
    "json_invalid": "must be JSON: {error}",
    "dict_type": "must be a JSON object",
    "list_type": "must be a JSON list",
    "extra_forbidden": "is not known",
}

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
        told = [details for details in error.errors() if details["type"] != CONSEQUENCE]
        raise BadSettings([_line(details) for details in told]) from None


def _line(details: ErrorDetails) -> str:
    if not details["loc"]:  # of several at once: its words name them
        return words(details)
    name, *inner = details["loc"]
    path = "".join(f"[{part!r}]" for part in inner)
    return f"{PREFIX}{str(name).upper()}{path}: {words(details)}"


def words(details: ErrorDetails) -> str:
    """What an error of pydantic's says to an operator, without the name of what is wrong."""
    return _WORDS.get(details["type"], details["msg"]).format(**details.get("ctx", {}))
