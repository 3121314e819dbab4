"""How far a file is: hashed, then uploaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mosaic.models import Role


class Step(StrEnum):
    """What is done with a file."""

    HASHING = "hashing"
    UPLOADING = "uploading"


@dataclass(frozen=True)
class Progress:
    """How far one file is in one step. `done` and `total` are bytes; a retried upload begins again at 0."""

    step: Step
    role: Role
    done: int
    total: int


# Called from the thread that reads the file; while two files upload, that is one thread for each.
OnProgress = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """Listen to nothing."""
