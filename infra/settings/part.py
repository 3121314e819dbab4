"""What all parts of the configuration have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Short = Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9])*$", max_length=40)]
T = TypeVar("T")
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", max_length=254)]


class Part(BaseModel):
    """Read once, and without a word that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _some(told: tuple[T, ...]) -> tuple[T, ...]:
    if not told:
        raise ValueError("needs at least one")
    return told


# A tuple with something in it. pydantic's own `min_length` says so of every tuple with something wrong in it, too.
Some = Annotated[tuple[T, ...], AfterValidator(_some)]


def each_once(names: Iterable[str]) -> None:
    """Raises ValueError with the names that are there more than once."""
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
