"""JSON schemas as people read them: what Pydantic adds for machines of its own kind is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

_NULL: JsonValue = {"type": "null"}


def plain(schema: JsonValue) -> JsonValue:
    """The schema without titles, which repeat names, and without defaults of null, which say no more than absence."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _each(value) if name == "properties" else plain(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str)) and not (name == "default" and value is None)
    }


def _each(schemas: JsonValue) -> JsonValue:
    return {name: plain(schema) for name, schema in schemas.items()} if isinstance(schemas, dict) else schemas


def of_parameter(schema: JsonValue) -> JsonValue:
    """The schema of a parameter: it is never null, for what is not given is not there. It is described beside it."""
    schema = plain(schema)
    if not isinstance(schema, dict):
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "description")}
    either = schema.get("anyOf")
    for one in either if isinstance(either, list) else ():
        rest |= one if isinstance(one, dict) and one != _NULL else {}
    return rest
