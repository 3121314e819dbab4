"""Whichever call to AWS fails, or is made and its answer lost: 503, and a repeat comes out as if nothing had been."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from api import tenants, waiting
from api.service import Service
from shared import quotas
from shared.limits import Quota
from shared.states import State
from tests.requests import Answer, request
from tests.unit.api.reference_steps import fresh, keep
from tests.unit.api.steps import bring, create, uploaded
from tests.unit.api.test_batches import add, drain, new_batch

pytestmark = pytest.mark.usefixtures("_empty_afterwards")

URL = "https://aws.test"
READS = ("Get", "Head", "Query", "List")
Call = Callable[[], Answer]
_make = BaseClient._make_api_call  # type: ignore[attr-defined]


@dataclass
class Failing:
    """Lets every call to AWS through but that number; that one is not made, or its answer is `lost`.

    An answer that tells something and is lost is as if it had not been asked for: only writes are counted then.
    """

    number: int
    lost: bool
    struck: str = ""
    count: int = 0

    def __call__(self, client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
        self.count += not (self.lost and operation.startswith(READS))
        if self.struck or self.count != self.number:
            return _make(client, operation, parameters)
        self.struck = operation
        if not self.lost:
            raise EndpointConnectionError(endpoint_url=URL)
        _make(client, operation, parameters)
        raise ReadTimeoutError(endpoint_url=URL)


def creates(_: Service) -> Call:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    return lambda: request("POST", "/v1/jobs", {}, headers=headers)


def starts(parts: Service) -> Call:
    job_id = uploaded(parts).id
    return lambda: request("POST", f"/v1/jobs/{job_id}/start")


def refuses(parts: Service) -> Call:
    job_id = uploaded(parts, degraded=b"no audio").id
    return lambda: request("POST", f"/v1/jobs/{job_id}/start")


def polls(parts: Service) -> Call:
    job_id = create().id
    bring(parts, job_id, State.QUEUED)
    return lambda: request("GET", f"/v1/jobs/{job_id}")


def scores(parts: Service) -> Call:
    content = fresh()
    query = {"reference": keep(parts, content)}
    headers = {"Idempotency-Key": secrets.token_hex(8), "content-type": "audio/wav"}
    return lambda: request("POST", "/v1/score", audio=content, headers=headers, query=query)


def makes_a_batch(_: Service) -> Call:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    return lambda: request("POST", "/v1/batches", {}, headers=headers)


def adds_jobs(_: Service) -> Call:
    path, items = f"/v1/batches/{new_batch()}/jobs", [{"custom_id": "a"}, {"custom_id": "b"}]
    return lambda: request("POST", path, {"jobs": items})


def starts_a_batch(_: Service) -> Call:
    batch = new_batch()
    add(batch, {"custom_id": "a"})
    return lambda: request("POST", f"/v1/batches/{batch}/start")


def checks_a_reference(parts: Service) -> Call:
    body = {"sha256": keep(parts, fresh())}
    return lambda: request("POST", "/v1/references", body, query={"check": "true"})


def undisturbed(parts: Service, scenario: Callable[[Service], Call]) -> tuple[int, dict[Quota, int]]:
    call, before = scenario(parts), quotas.used(parts.table, "acme")
    return call().status, spent(parts, before)


def spent(parts: Service, before: dict[Quota, int]) -> dict[Quota, int]:
    return {quota: used - before[quota] for quota, used in quotas.used(parts.table, "acme").items()}


def forget() -> None:
    """What is remembered is not asked for, and so cannot fail."""
    for memory in (waiting._cache, tenants._cache, tenants._owners):
        memory.clear()


@pytest.mark.parametrize("lost", [False, True], ids=["not made", "answer lost"])
@pytest.mark.parametrize(
    "scenario",
    [creates, starts, refuses, polls, scores, makes_a_batch, adds_jobs, starts_a_batch, checks_a_reference],
    ids=lambda scenario: scenario.__name__,
)
def test_a_call_is_503_and_its_repeat_is_as_good_as_the_first(
    scenario: Callable[[Service], Call], lost: bool, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = undisturbed(parts, scenario)
    number = 0
    while True:
        number += 1
        call, failing = scenario(parts), Failing(number, lost)
        before = quotas.used(parts.table, "acme")
        forget()
        with monkeypatch.context() as patched:
            patched.setattr(BaseClient, "_make_api_call", lambda *given, failing=failing: failing(*given))
            first = call()
        if not failing.struck:
            break
        place = f"call {number}, {failing.struck}"
        assert first.status in (503, wanted[0]), place
        assert (call().status, spent(parts, before)) == wanted, place
    drain(parts)
    assert number > 1
