"""Problem documents (RFC 9457): how the service says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

STANDARD = frozenset({"type", "title", "status", "detail", "instance", "errors"})


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of the request; `pointer` is a JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


@dataclass(frozen=True)
class Problem:
    """What is wrong and what to do about it. `extensions` holds members such as `job`, `rule` and `file`."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    extensions: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_answer(cls, status: int, document: object) -> Problem:
        """The problem of an answer with that HTTP status.

        Never fails: an error that is no problem document, as a proxy's page, still becomes a problem.
        """
        members = document if isinstance(document, dict) else {}
        title = _text(members.get("title")) or _phrase(status)
        return cls(
            type=_text(members.get("type")) or "about:blank",
            title=title,
            status=status,
            # `message` is what API Gateway's own default answers hold.
            detail=_text(members.get("detail")) or _text(members.get("message")) or title,
            errors=_field_problems(members.get("errors")),
            extensions={name: value for name, value in members.items() if name not in STANDARD},
        )

    def __str__(self) -> str:
        others = (error for error in self.errors if error.detail != self.detail)
        fields = "".join(f"\n  {error.pointer}: {error.detail}" for error in others)
        return f"{self.detail} (HTTP {self.status}){fields}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"


def _field_problems(value: object) -> tuple[FieldProblem, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(
        FieldProblem(_text(entry.get("pointer")), _text(entry.get("detail")))
        for entry in entries
        if isinstance(entry, dict)
    )
