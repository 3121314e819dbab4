"""JSON documents out of answers, read member by member: unknown members are ignored, wrong ones are named."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime

from mosaic.errors import UnexpectedAnswer

MAX_NUMBER = sys.float_info.max


class Document:
    """One JSON object. Every reader raises UnexpectedAnswer where the member is not of its kind.

    The error names the member by its JSON pointer and never shows its value, which may be secret.
    """

    def __init__(self, value: object, pointer: str = "") -> None:
        if not isinstance(value, dict):
            raise _unexpected(pointer, "an object")
        self.members: Mapping[str, object] = value
        self.pointer = pointer

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.optional_text(name)
        if value is None:
            raise self.unexpected(name, "a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, null or absent."""
        value = self.members.get(name)
        if value is not None and not isinstance(value, str):
            raise self.unexpected(name, "a string")
        return value

    def optional_number(self, name: str) -> float | None:
        """A finite number, null or absent."""
        value = self.members.get(name)
        if value is None:
            return None
        # A bool is an int in Python, and its JSON parser takes NaN, Infinity, and integers that no float holds.
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
            raise self.unexpected(name, "a number")
        return float(value)

    def optional_integer(self, name: str) -> int | None:
        """An integer, null or absent."""
        value = self.members.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.unexpected(name, "an integer")
        return value

    def optional_moment(self, name: str) -> datetime | None:
        """A moment (RFC 3339, with its offset from UTC), null or absent."""
        value = self.optional_text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise self.unexpected(name, "a moment in RFC 3339") from None
        if moment.tzinfo is None:
            raise self.unexpected(name, "a moment with its offset from UTC")
        return moment

    def child(self, name: str) -> Document:
        """An object; an absent one or null is empty."""
        return self.optional_child(name) or Document({}, self.at(name))

    def optional_child(self, name: str) -> Document | None:
        """An object, null or absent."""
        value = self.members.get(name)
        return None if value is None else Document(value, self.at(name))

    def children(self, name: str) -> tuple[Document, ...]:
        """A list of objects; an absent one or null is empty."""
        value = self.members.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.unexpected(name, "a list")
        return tuple(Document(entry, f"{self.at(name)}/{index}") for index, entry in enumerate(value))

    def at(self, name: str) -> str:
        """The JSON pointer of a member."""
        return f"{self.pointer}/{name}"

    def unexpected(self, name: str, wanted: str) -> UnexpectedAnswer:
        """The error that a member is not what it should be."""
        return _unexpected(self.at(name), wanted)


def _unexpected(pointer: str, wanted: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"the service's answer is not what Mosaic promises: {pointer or '/'} is not {wanted}")
