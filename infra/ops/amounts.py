"""Limits as an operator writes them, and amounts as one reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.limits import Limits, Quota

DEFAULT = "default"
DEFAULTS = Limits()

_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_AMOUNT = re.compile(r"([0-9]{1,15})(|[kmgt]b)", re.IGNORECASE)  # the table's numbers have 38 digits at most


@dataclass(frozen=True)
class NewLimit:
    """What a limit is to be. None is the default, whatever that will be."""

    quota: Quota
    amount: int | None

    @classmethod
    def parse(cls, text: str) -> NewLimit:
        """Written as `jobs_per_day=5000`, `bytes_per_day=50GB` or `in_flight=default`. Raises ValueError."""
        name, equals, amount = text.partition("=")
        if not equals or name not in [*Quota]:
            raise ValueError(f"{text!r} is no limit. Write {Quota.JOBS_PER_DAY}=5000; there are {', '.join(Quota)}.")
        quota = Quota(name)
        number = None if amount == DEFAULT else _number(quota, amount)
        return cls(quota, None if number == limit_of(DEFAULTS, quota) else number)


def limit_of(limits: Limits, quota: Quota) -> int:
    """The limit of that quota."""
    return int(getattr(limits, quota))


def shown(quota: Quota, amount: int) -> str:
    """An amount of that quota for people: bytes to three digits, all else in full."""
    if quota is Quota.BYTES_PER_DAY:
        for unit in ("TB", "GB", "MB", "kB"):
            if amount >= (size := _UNITS[unit.lower()]):
                return f"{amount / size:,.3g} {unit}"
        return f"{amount} B"
    return f"{amount:,}"


def _number(quota: Quota, text: str) -> int:
    found, sized = _AMOUNT.fullmatch(text), quota is Quota.BYTES_PER_DAY
    if not found or (found[2] and not sized):
        form = "a whole number, with kB, MB, GB or TB behind it or none" if sized else "a whole number"
        raise ValueError(f"{text!r} is no amount of {quota}: that is {form}, or {DEFAULT!r}.")
    number = int(found[1]) * _UNITS[found[2].lower()]
    try:
        Limits.model_validate({quota: number})
    except ValueError:
        raise ValueError(f"{number:,} of {quota} is more than the service lets anybody have.") from None
    return number
