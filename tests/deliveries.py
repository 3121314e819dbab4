"""Events as Lambda makes them of a queue's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.messages import Message


def event_of(*bodies: str) -> Mapping[str, Sequence[Message]]:
    """Of messages that nobody can put back, with these bodies; their ids are `message-0` and so on."""
    records: list[Message] = [
        {"messageId": f"message-{place}", "receiptHandle": "none", "body": body} for place, body in enumerate(bodies)
    ]
    return {"Records": records}
