"""What schemathesis does not know of this API: how audio is sent, and that a key with another body is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import schemathesis

from shared.resources import AUDIO_TYPES


@schemathesis.serializer(*AUDIO_TYPES)
def audio(ctx: schemathesis.SerializationContext, value: object) -> bytes:
    """A body as it is."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """A key that is to be taken is one that was never used."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name in [name for name in case.headers or () if name.lower() == "idempotency-key"]:
        case.headers[name] = str(uuid4())
