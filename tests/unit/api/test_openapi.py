"""The OpenAPI document is made from the code, is what is committed, and is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from api import app, examples, openapi
from api.problem_kinds import Kind
from tests import contract

DOCUMENT = contract.document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
GATEWAYS_OWN = {Kind.METHOD_NOT_ALLOWED}


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            yield from ((f"{name} {status}", content) for content in response.get("content", {}).values())
        yield from (
            (f"{name} body", content) for content in operation.get("requestBody", {}).get("content", {}).values()
        )


def test_what_is_committed_is_what_the_code_makes() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(), "run: make openapi"


def test_it_is_valid() -> None:
    validate(json.loads(openapi.text()))


def test_it_knows_every_route_and_no_other() -> None:
    assert set(OPERATIONS) == {f"{route.method} {route.openapi_path}" for route in app.routes()}


def test_every_reference_in_it_leads_somewhere() -> None:
    named = {part.split('"')[0] for part in openapi.text().split('"$ref": "#/components/')[1:]}
    known = {f"{kind}/{name}" for kind, parts in DOCUMENT["components"].items() for name in parts}
    assert named <= known
    assert known - named <= {"schemas/ResultLine", "securitySchemes/api_key", "examples/method_not_allowed"}


@pytest.mark.parametrize(("place", "content"), [pytest.param(*one, id=one[0]) for one in contents()])
def test_examples_are_of_the_form_that_they_are_given_for(place: str, content: dict[str, Any]) -> None:
    if content["schema"].get("format") == "binary":
        return
    validator = contract.schema_validator(content["schema"]["$ref"])
    assert content["examples"], place
    for reference in content["examples"].values():
        value = DOCUMENT["components"]["examples"][reference["$ref"].rpartition("/")[2]]["value"]
        validator.validate(value)


def test_a_problem_is_shown_at_the_status_that_it_has() -> None:
    for place, content in contents():
        status = place.rpartition(" ")[2]
        if status.startswith(("4", "5")):
            assert {Kind[slug.upper()].status for slug in content["examples"]} == {int(status)}


def test_every_kind_of_problem_is_some_call_s() -> None:
    shown = {Kind[slug.upper()] for place, content in contents() if place[-3] in "45" for slug in content["examples"]}
    assert shown == set(Kind) - GATEWAYS_OWN


def test_every_call_is_described_and_takes_a_key() -> None:
    assert DOCUMENT["security"] == [{"api_key": []}]
    for name, operation in OPERATIONS.items():
        assert "security" not in operation, name
        assert operation["description"], name
        assert operation["tags"][0] in openapi.TAGS, name
        assert all(parameter["description"] for parameter in operation.get("parameters", ())), name


def test_parameters_are_never_null() -> None:
    for operation in OPERATIONS.values():
        for parameter in operation.get("parameters", ()):
            assert "null" not in json.dumps(parameter["schema"])


def test_every_moment_is_said_to_be_one() -> None:
    moments = ("_at", "_until", "_deadline", "times", "created")
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for member, said in schema.get("properties", {}).items():
            if member.endswith(moments):
                assert '"format": "date-time"' in json.dumps(said), f"{name}.{member}"


def test_no_example_shows_what_could_be_a_secret() -> None:
    text = json.dumps(examples.values(examples.answers()), ensure_ascii=False)
    assert text.count("Signature=") == text.count("Signature=…") > 0
