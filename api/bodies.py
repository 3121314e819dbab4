"""Request bodies, before any model sees them: one JSON object, and nothing that only looks like one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from api.problem_kinds import Kind
from api.problems import Problem

if TYPE_CHECKING:
    from pydantic import JsonValue

# Powertools reads forms as bodies too. No route takes one: by this type they are refused where a body is wanted.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_REFUSED = "application/octet-stream"

# Of JSON. An answer to many items says all that was sent of them again, and more, within the 6 MB of an answer.
MOST_BYTES = 4 * 1024 * 1024


def parse(text: str) -> dict[str, JsonValue]:
    """The JSON object in a body. Raises a Problem: 400 where it is not JSON, or holds what no answer could say again,
    413 where it is too large, 422 where it is no object.
    """
    if len(text.encode(errors="replace")) > MOST_BYTES:
        detail = f"A body has {MOST_BYTES:,} bytes at most. Send fewer jobs a call."
        raise Problem(Kind.PAYLOAD_TOO_LARGE, detail)
    try:
        document = json.loads(text)
        json.dumps(document, ensure_ascii=False).encode()  # as answers say it again
    except RecursionError:
        raise _malformed("The body is nested too deeply.") from None
    except UnicodeEncodeError:  # JSON's escapes can say what Unicode cannot: RFC 8259, 8.2
        detail = "A string in the body holds half of a surrogate pair, which is no character. Send both halves or none."
        raise _malformed(detail) from None
    except ValueError:  # also a number of more digits than Python reads
        raise _malformed("The body is not valid JSON.") from None
    if not isinstance(document, dict):
        detail = "The body must be a JSON object."
        errors = [{"pointer": "", "detail": detail}]
        raise Problem(Kind.INVALID_REQUEST, detail, errors=errors)
    return document


def plain_type(event: Mapping[str, object]) -> dict[str, object]:
    """The event with its Content-Type in lower case (RFC 9110, 8.3.1), and that of a form as one that is refused."""
    headers = event.get("headers")
    if not isinstance(headers, Mapping):
        return dict(event)
    return {**event, "headers": {name: _plain(name, value) for name, value in headers.items()}}


def _plain(name: str, value: str) -> str:
    if name.lower() != "content-type":
        return value
    return _REFUSED if value.lower().startswith(_FORMS) else value.lower()


def _malformed(detail: str) -> Problem:
    return Problem(Kind.MALFORMED_JSON, detail)
