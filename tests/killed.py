"""A process killed at one of its AWS calls, before it is sent or after it was applied, made by botocore's events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.client import BaseClient


class Killed(BaseException):
    """Nothing in the code that runs may catch this."""


class At(StrEnum):
    """When, of the call."""

    BEFORE = "before-call"
    AFTER = "after-call"


@contextmanager
def killed(client: BaseClient, operation: str, at: At) -> Iterator[list[str]]:
    """What runs within ends at the first such call; the list yielded names it once it was reached."""
    reached: list[str] = []
    event = f"{at}.{client.meta.service_model.service_id.hyphenize()}.{operation}"

    def kill(**_: object) -> None:
        reached.append(operation)
        raise Killed

    client.meta.events.register(event, kill)
    try:
        with suppress(Killed):
            yield reached
    finally:
        client.meta.events.unregister(event, kill)
