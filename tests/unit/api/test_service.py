"""`GET /v1/service`: engines, seats, lanes and limits, and nothing of any tenant."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

import pytest

from api import waiting
from api.service import Service
from shared.hosts import Host, Hosts, HostState
from tests.requests import request
from tests.unit.api.steps import all_messages, create, start, uploaded


def show() -> dict[str, Any]:
    answer = request("GET", "/v1/service")
    assert answer.status == 200, answer.body
    return cast(dict[str, Any], answer.body)


def pool(name: str) -> dict[str, Any]:
    [found] = [pool for pool in show()["pools"] if pool["name"] == name]
    return cast(dict[str, Any], found)


def host(name: str, state: HostState = HostState.READY, **more: object) -> Host:
    told: dict[str, object] = {
        "host": name,
        "pool": "visqol-3",
        "engine": "visqol",
        "version": "3.8.0",
        "seats": 2,
        "busy": 1,
        "mean_seconds": 3.0,
        "state": state,
        "seen_at": time.time(),
    }
    return Host.model_validate({**told, **more})


def test_engines_and_their_modes_are_told_the_default_first() -> None:
    pools = show()["pools"]
    assert [(found["name"], found["engine"], found["default_mode"]) for found in pools] == [
        ("visqol-3", "visqol", "wb"),
        ("polqa-3", "polqa", "nb"),
    ]
    assert pools[0]["modes"] == [
        {
            "name": "wb",
            "reference_rates_hz": [16000, 48000],
            "degraded_rates_hz": [16000, 48000],
            "same_rate": True,
            "ceiling": 5,
            "min_seconds": 0.5,
            "max_seconds": 4,
        }
    ]
    assert [mode["name"] for mode in pools[1]["modes"]] == ["nb", "wb"]


def test_a_pool_without_hosts_has_no_seats_and_nobody_knows_how_long_it_takes() -> None:
    found = pool("polqa-3")
    assert (found["seats"], found["hosts"], found["versions"]) == (0, [], [])
    assert found["lanes"] == {
        "interactive": {"waiting": 0, "expected_wait_seconds": None},
        "bulk": {"waiting": 0, "expected_wait_seconds": None},
    }


def test_live_hosts_are_told_by_their_state_and_ready_ones_have_the_seats(hosts: Hosts) -> None:
    until = 1_800_000_000.0
    hosts.tell(host("a"))
    hosts.tell(host("b", version="3.9.0", seats=4, busy=0))
    hosts.tell(host("c", HostState.PAUSED, paused_until=until))
    hosts.tell(host("d", HostState.LICENCE_LOST))
    hosts.tell(host("e", seen_at=time.time() - 120))
    found = pool("visqol-3")
    assert (found["seats"], found["versions"]) == (6, ["3.8.0", "3.9.0"])
    assert sorted(told["state"] for told in found["hosts"]) == ["licence_lost", "paused", "ready", "ready"]
    [paused] = [told for told in found["hosts"] if told["state"] == "paused"]
    assert datetime.fromisoformat(paused["paused_until"]).timestamp() == until
    assert {told["paused_until"] for told in found["hosts"] if told is not paused} == {None}


def test_a_lane_tells_its_depth_and_how_long_that_takes(
    hosts: Hosts, parts: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.tell(host("a"))
    for _ in range(3):
        start(uploaded(parts).id)
    monkeypatch.setattr(waiting, "_cache", {})
    lanes = pool("visqol-3")["lanes"]
    assert lanes["interactive"] == {"waiting": 3, "expected_wait_seconds": 4.5}
    assert lanes["bulk"] == {"waiting": 0, "expected_wait_seconds": 0}
    all_messages(parts)


def test_the_limits_are_those_of_the_calls() -> None:
    assert show()["limits"] == {
        "upload_bytes": 64 * 1024 * 1024,
        "score_bytes": 4 * 1024 * 1024,
        "batch_items": 50_000,
        "items_per_call": 100,
    }


def test_it_holds_nothing_of_any_tenant_or_host_by_name(hosts: Hosts) -> None:
    hosts.tell(host("i-0123456789"))
    job = create({"label": "secret-label"})
    told = str(request("GET", "/v1/service").body)
    assert not any(word in told for word in ("acme", "globex", job.id, "secret-label", "i-0123456789"))


def test_a_key_of_nobody_is_refused() -> None:
    assert request("GET", "/v1/service", key_id="key-of-nobody").status == 403
