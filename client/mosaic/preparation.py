"""`--prepare FILE.WHAT=VALUE`: what the host does to a file before it is scored, as the service's errors name it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mosaic.models import Role

FORM = """\
FILE.WHAT=VALUE, with reference or degraded as FILE: \
degraded.channel=left (or right), degraded.decode=true, degraded.resample=16000 (Hz), reference.level=-26 (dBov)"""

_WHAT: dict[str, tuple[str, Callable[[str], object]]] = {
    "channel": ("left|right", str),
    "decode": ("true|false", lambda text: text == "true"),
    "resample": (r"[0-9]{1,6}", int),
    "level": (r"-?[0-9]{1,3}(\.[0-9]{1,6})?", float),
}


@dataclass(frozen=True)
class Preparation:
    """One thing to be done to one file."""

    file: Role
    what: str
    value: object

    @classmethod
    def parse(cls, text: str) -> Preparation:
        """Read `FILE.WHAT=VALUE`. Raises ValueError, which names the form."""
        name, _, value = text.partition("=")
        file, _, what = name.partition(".")
        pattern, read = _WHAT.get(what, ("(?!)", str))
        if file not in set(Role) or not re.fullmatch(pattern, value):
            raise ValueError(f"{text!r} is not of the form {FORM}")
        return cls(Role(file), what, read(value))


def prepare_member(preparations: Iterable[Preparation]) -> dict[str, dict[str, object]] | None:
    """All of them as the request's `prepare`, None without any; of one given twice the last one holds."""
    member: dict[str, dict[str, object]] = {}
    for preparation in preparations:
        member.setdefault(preparation.file.value, {})[preparation.what] = preparation.value
    return member or None
