"""The hosts of a pool, as they tell of themselves."""

from __future__ import annotations

import pytest

from shared.hosts import ALIVE_SECONDS, Host, Hosts, HostState
from shared.job_table import JobTable
from tests.clock import SettableClock


@pytest.fixture
def hosts(table: JobTable, clock: SettableClock) -> Hosts:
    return Hosts(table, clock)


def host(name: str, pool: str, clock: SettableClock, mean: float | None = 0.31) -> Host:
    return Host(
        host=name,
        pool=pool,
        engine="visqol",
        version="3.8.0",
        seats=2,
        busy=1,
        mean_seconds=mean,
        state=HostState.READY,
        seen_at=clock.now,
    )


@pytest.mark.parametrize("mean", [None, 0.31, 5.0])
def test_a_host_is_found_as_it_told(mean: float | None, hosts: Hosts, clock: SettableClock) -> None:
    pool = f"told-{mean}"
    hosts.tell(host("a", pool, clock, mean))
    assert hosts.alive(pool) == [host("a", pool, clock, mean)]


def test_only_the_last_word_of_a_host_counts(hosts: Hosts, clock: SettableClock) -> None:
    hosts.tell(host("a", "last-word", clock))
    clock.move(15)
    hosts.tell(host("a", "last-word", clock))
    assert [found.seen_at for found in hosts.alive("last-word")] == [clock.now]


def test_a_host_that_is_not_heard_of_is_not_alive(hosts: Hosts, clock: SettableClock) -> None:
    hosts.tell(host("a", "silent", clock))
    clock.move(ALIVE_SECONDS - 0.1)
    assert [found.host for found in hosts.alive("silent")] == ["a"]
    clock.move(0.1)
    assert hosts.alive("silent") == []


def test_hosts_of_one_pool_are_no_others(hosts: Hosts, clock: SettableClock) -> None:
    for name in ("a", "b"):
        hosts.tell(host(name, "one", clock))
    hosts.tell(host("c", "one-more", clock))
    assert {found.host for found in hosts.alive("one")} == {"a", "b"}
    assert hosts.alive("none") == []


def test_a_host_forgets_itself_after_a_day(hosts: Hosts, table: JobTable, clock: SettableClock) -> None:
    hosts.tell(host("a", "forgetful", clock))
    item = table.read({"pk": "POOL#forgetful", "sk": "HOST#a"}) or {}
    assert item["expires_at"] == clock.now + 24 * 60 * 60
