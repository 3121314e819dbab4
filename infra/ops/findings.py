"""What `preflight` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and how it is; `to_do` says what to do about it, and is empty where it is well."""

    what: str
    is_: str
    to_do: str = ""
