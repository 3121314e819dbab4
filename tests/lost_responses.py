"""Responses lost after the server applied the call, made by botocore's own events.

`needs-retry` is asked after each response; an answer that is not None makes botocore send the request again, as it
does when the connection broke before the response came.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.client import BaseClient


@contextmanager
def lost_once(client: BaseClient, operation: str) -> Iterator[list[str]]:
    """Lose the response of the first such call; the list yielded names each call that reached the server."""
    sent: list[str] = []
    event = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}.{operation}"

    def lose(attempts: int, **_: object) -> float | None:
        sent.append(operation)
        return 0.0 if attempts == 1 and len(sent) == 1 else None

    client.meta.events.register_first(event, lose)  # type: ignore[arg-type]  # this event's answer counts
    try:
        yield sent
    finally:
        client.meta.events.unregister(event, lose)  # type: ignore[arg-type]
