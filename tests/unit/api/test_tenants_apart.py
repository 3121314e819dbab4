"""Every route of the OpenAPI document, asked for what is another's: answered exactly as for what never was."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from api.service import Service
from shared import items
from shared.states import State
from tests import contract
from tests.requests import Answer, request
from tests.unit.api.reference_steps import fresh, keep
from tests.unit.api.steps import ACME, GLOBEX, GOOD, bring, create

SECRET = "what only acme may know"
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in contract.document()["paths"].items()
    for method, operation in methods.items()
}
WITH_ID = {name for name, (_, path, _) in OPERATIONS.items() if "{" in path}


@dataclass(frozen=True)
class Things:
    """Ids by path parameter."""

    ids: dict[str, list[str]]

    def all(self) -> list[str]:
        return [one for these in self.ids.values() for one in these]


_made: list[Things] = []


@pytest.fixture
def acmes(parts: Service) -> Things:
    """Made once: the table is this module's, and nobody but the owner changes anything."""
    if not _made:
        _made.append(_things(parts))
    return _made[0]


def _things(parts: Service) -> Things:
    jobs = []
    for state in State:
        jobs.append(create({"label": SECRET, "metadata": {"x": SECRET}, "start": "manual"}).id)
        bring(parts, jobs[-1], state)
    batch = str(request("POST", "/v1/batches", {"label": SECRET}).body["id"])
    (item,) = contract_list(
        request("POST", f"/v1/batches/{batch}/jobs", {"jobs": [{"custom_id": SECRET, "label": SECRET}]}), "jobs"
    )
    reference = keep(parts, fresh(), label=SECRET)
    return Things({"job_id": [*jobs, item["job"]["id"]], "batch_id": [batch], "sha256": [reference]})


@pytest.fixture
def never(acmes: Things) -> dict[str, str]:
    return {name: secrets.token_hex(len(ids[0]) // 2) for name, ids in acmes.ids.items()}


def contract_list(answer: Answer, member: str) -> list[dict[str, Any]]:
    found: Any = answer.body[member]
    return list(found)


def as_globex(name: str, **values: str) -> Answer:
    """The call, with a body that it would take."""
    method, path, operation = OPERATIONS[name]
    content = operation.get("requestBody", {}).get("content", {})
    example = contract.document()["components"]["examples"].get(name, {}).get("value", {})
    return request(method, path.format(**values), example if content else None, key_id=GLOBEX)


def plain(answer: Answer, one: str) -> tuple[int, str, str]:
    """Status, headers and body, but for the id that was asked for, and lengths and times of no meaning."""
    return answer.status, json.dumps(answer.headers, sort_keys=True), json.dumps(answer.body).replace(one, "ID")


def everything_of_acme(parts: Service, acmes: Things) -> list[dict[str, Any]]:
    pages = parts.dynamodb.get_paginator("scan").paginate(TableName=parts.table.name, ConsistentRead=True)
    found = [items.unpack(item) for page in pages for item in page["Items"]]
    return sorted((item for item in found if any(one in str(item["pk"]) for one in acmes.all())), key=str)


@pytest.mark.parametrize("name", sorted(WITH_ID))
def test_what_is_anothers_is_answered_as_what_never_was(
    name: str, parts: Service, acmes: Things, never: dict[str, str]
) -> None:
    ((parameter, theirs),) = [(one, ids) for one, ids in acmes.ids.items() if f"{{{one}}}" in OPERATIONS[name][1]]
    before = everything_of_acme(parts, acmes)
    unknown = plain(as_globex(name, **{parameter: never[parameter]}), never[parameter])
    assert unknown[0] == 404
    for one in theirs:
        answer = as_globex(name, **{parameter: one})
        assert plain(answer, one) == unknown
        assert SECRET not in answer.sent
    assert everything_of_acme(parts, acmes) == before


NAMING: dict[str, Callable[[str, dict[str, str]], Answer]] = {
    "list_jobs": lambda _, ids: request("GET", "/v1/jobs", key_id=GLOBEX, query={"batch": ids["batch_id"]}),
    "create_job": lambda _, ids: request("POST", "/v1/jobs", {"reference": {"sha256": ids["sha256"]}}, key_id=GLOBEX),
    "create_batch": lambda _, ids: request("POST", "/v1/batches", {}, key_id=GLOBEX),
    "list_batches": lambda _, ids: request("GET", "/v1/batches", key_id=GLOBEX, query={"label": SECRET}),
    "list_references": lambda _, ids: request("GET", "/v1/references", key_id=GLOBEX, query={"cursor": "0" * 64}),
    "store_reference": lambda _, ids: request("POST", "/v1/references", {"sha256": ids["sha256"]}, key_id=GLOBEX),
    "score": lambda _, ids: request(
        "POST",
        "/v1/score",
        audio=GOOD,
        headers={"content-type": "audio/wav"},
        query={"reference": ids["sha256"]},
        key_id=GLOBEX,
    ),
    "get_service": lambda _, ids: request("GET", "/v1/service", key_id=GLOBEX),
}


def test_no_route_is_forgotten(acmes: Things) -> None:
    assert set(NAMING) == set(OPERATIONS) - WITH_ID
    for name in WITH_ID:
        assert [one for one in acmes.ids if f"{{{one}}}" in OPERATIONS[name][1]], f"{name}: ids of a kind not made here"


@pytest.mark.parametrize("name", sorted(NAMING))
def test_a_call_that_names_what_is_anothers_is_none_the_wiser(name: str, acmes: Things, never: dict[str, str]) -> None:
    theirs = {parameter: ids[0] for parameter, ids in acmes.ids.items()}
    answer, unknown = NAMING[name](name, theirs), NAMING[name](name, never)
    assert answer.status == unknown.status
    assert answer.headers.keys() == unknown.headers.keys()
    assert answer.body.keys() == unknown.body.keys()
    assert SECRET not in answer.sent
    named = {theirs["sha256"]} if "sha256" in theirs else set()
    assert not [one for one in {*acmes.all()} - named if one in answer.sent and one != theirs["batch_id"]]
    for member in ("jobs", "batches", "references"):
        assert answer.body.get(member) == unknown.body.get(member)
    assert list(answer.body.get("uploads", {})) == list(unknown.body.get("uploads", {}))  # type: ignore[call-overload]


def test_their_owner_still_sees_them(acmes: Things) -> None:
    for name in ("get_job", "get_batch", "get_reference"):
        method, path, _ = OPERATIONS[name]
        ((parameter, ids),) = [(one, ids) for one, ids in acmes.ids.items() if f"{{{one}}}" in path]
        for one in ids:
            assert SECRET in request(method, path.format(**{parameter: one}), key_id=ACME).sent
