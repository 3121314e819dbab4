"""JSON as it is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue


def text(document: JsonValue) -> str:
    """A document in UTF-8, as compact as may be.

    Written as escapes, text beyond ASCII takes up to three times as much, and an answer has 6 MB at most: Lambda
    Developer Guide, "Quotas".
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
