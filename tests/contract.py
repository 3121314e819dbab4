"""What the OpenAPI document promises of an answer: whether one that was given keeps to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import jsonschema_rs

from api import openapi

PROBLEM = "urn:mosaic:problem:"
NOWHERE = {PROBLEM + "unknown_route", PROBLEM + "method_not_allowed"}  # no call's answers


@cache
def document() -> dict[str, Any]:
    """The document, as the code makes it now."""
    return cast("dict[str, Any]", openapi.document())


@cache
def validator(name: str) -> jsonschema_rs.Validator:
    """What checks a value against one schema of the document."""
    return schema_validator(f"#/components/schemas/{name}")


@cache
def schema_validator(pointer: str) -> jsonschema_rs.Validator:
    """What checks a value against the schema at that place of the document."""
    return jsonschema_rs.Draft202012Validator({"$ref": pointer, "components": document()["components"]})


def assert_keeps(method: str, path: str, status: int, headers: Mapping[str, str], body: object) -> None:
    """The answer is one that the document tells of: status, type, headers, body, and of a problem its kind."""
    kind = body.get("type") if isinstance(body, dict) else None
    if kind in NOWHERE:
        return
    answers = _operation(method, path)["responses"]
    assert str(status) in answers, f"{method} {path} may not answer {status}: {body}"
    answer, sent = answers[str(status)], {name.lower(): value for name, value in headers.items()}
    for name, reference in answer.get("headers", {}).items():
        header = document()["components"]["headers"][reference["$ref"].rpartition("/")[2]]
        assert name.lower() in sent or not header.get("required"), f"{method} {path}, {status}: no {name}"
    if not answer.get("content"):
        assert not body
        assert "content-type" not in sent
        return
    ((media_type, content),) = answer["content"].items()
    assert sent["content-type"] == media_type
    schema_validator(content["schema"]["$ref"]).validate(body)
    if status >= 400:
        assert str(kind).removeprefix(PROBLEM) in content["examples"], f"{method} {path} may not answer {kind}"


def _operation(method: str, path: str) -> dict[str, Any]:
    for template, methods in document()["paths"].items():
        if method.lower() in methods and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
            return cast("dict[str, Any]", methods[method.lower()])
    raise AssertionError(f"the document has no {method} {path}")
