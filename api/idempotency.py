"""Creating calls that are done once, however often they come: by `Idempotency-Key`, or by `custom_id` in a batch."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.problem_kinds import Kind
from api.problems import Problem
from shared.batches import UnknownBatch
from shared.errors import KeyReused, UnknownJob
from shared.once import Once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from api.tenants import Tenant

REPLAYED = {"Idempotency-Replayed": "true"}  # what an answer says of what an earlier call made
KEY_HEADER, CUSTOM_ID = "/header/idempotency-key", "/custom_id"
_NAMES = {KEY_HEADER: "Idempotency-Key", CUSTOM_ID: "custom_id"}


def once(tenant: Tenant, key: str | None, body: BaseModel) -> Once | None:
    """What makes a call with an `Idempotency-Key` be done once."""
    return Once.by_idempotency_key(tenant.id, key, body_hash(body)) if key is not None else None


def body_hash(body: BaseModel) -> str:
    """What a repeated call is known by. Sorted: JSON objects have no order, and a repeat may have another."""
    return hashlib.sha256(json.dumps(body.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


@contextmanager
def told_as_problems(key_pointer: str = KEY_HEADER) -> Iterator[None]:
    """Raises a 422 Problem where the key, said at `key_pointer`, came with another body, or what it made is gone."""
    said = f"This {_NAMES[key_pointer]} was used before"
    try:
        yield
    except KeyReused:
        raise _refused(key_pointer, f"{said}, with another body. Use a new one.") from None
    except (UnknownJob, UnknownBatch):
        raise _refused(key_pointer, f"{said}, and what it made is gone. Use a new one.") from None


def _refused(pointer: str, detail: str) -> Problem:
    return Problem(Kind.IDEMPOTENCY_KEY_REUSED, detail, errors=[{"pointer": pointer, "detail": detail}])
