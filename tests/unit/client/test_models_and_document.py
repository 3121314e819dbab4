"""The client's models know no member that docs/openapi.json does not promise, and every member that they must have."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from mosaic import models, problem

from sandbox.children import ROOT

SCHEMAS: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["components"][
    "schemas"
]
OWN = {"document", "extensions"}  # the client's: the whole of what came, and what it has no name for
MODELS = {
    models.Job: "CreatedJob",
    models.Result: "ResultDocument",
    models.Engine: "EngineRecord",
    models.Advice: "Advice",
    models.JobFailure: "JobError",
    models.AudioFile: "DeclaredFile",
    models.UploadPolicy: "UploadPolicy",
    problem.Problem: "ProblemDocument",
    problem.FieldProblem: "FieldErrorDocument",
}


@pytest.mark.parametrize(("model", "schema"), [pytest.param(*one, id=one[1]) for one in MODELS.items()])
def test_a_model_reads_only_what_the_document_promises(model: type, schema: str) -> None:
    fields = {field.name for field in dataclasses.fields(model)} - OWN
    assert fields <= set(SCHEMAS[schema]["properties"])


@pytest.mark.parametrize(("model", "schema"), [pytest.param(*one, id=one[1]) for one in MODELS.items()])
def test_what_a_model_must_have_is_always_there(model: type, schema: str) -> None:
    needed = {
        field.name
        for field in dataclasses.fields(model)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    assert needed <= {*SCHEMAS[schema].get("required", ()), *_with_defaults(SCHEMAS[schema])}


@pytest.mark.parametrize(("enum", "schema"), [(models.State, "State"), (models.Role, "Role")])
def test_an_enum_knows_every_value(enum: type, schema: str) -> None:
    assert {str(value) for value in enum} == set(SCHEMAS[schema]["enum"])  # type: ignore[attr-defined]


def _with_defaults(schema: dict[str, Any]) -> set[str]:
    """Members that an answer always has, for the service fills them in."""
    return {name for name, member in schema["properties"].items() if "default" in member or name == "settings"}
