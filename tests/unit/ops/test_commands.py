"""`python -m infra.ops` as an operator meets it: what it prints, where, and how it exits."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3
import pytest

from infra.configuration import Configuration
from infra.ops import __main__ as command
from infra.ops.keys import Keys, KeyState
from infra.ops.place import Place
from shared.hosts import Host, Hosts, HostState
from shared.job import Job, Role
from shared.jobs import Jobs
from shared.limits import Limits, Quota
from shared.tenants import Tenants
from tests.jobs_for_tests import new_job

DONE, REFUSED, USAGE = 0, 1, 2

ANY_SESSION = boto3.session.Session
ONE_SESSION = cache(ANY_SESSION)  # a new one reads the whole of what it knows of AWS again


@dataclass(frozen=True)
class Ended:
    """How a command ended. `told` is what it said beside what was asked for, in one line."""

    code: int
    out: str
    told: str


Ops = Callable[..., Ended]


@pytest.fixture
def deployment(deployed: Configuration, tmp_path: Path) -> Path:
    """The file that the deployment was made from."""
    path = tmp_path / "deployment.toml"
    pools = "".join(f'[[pools]]\nname = "{name}"\nengine = "visqol"\n' for name in deployed.pool_names)
    path.write_text(f'stage = "{deployed.stage}"\nregion = "{deployed.region}"\n{pools}')
    return path


@pytest.fixture
def ops(deployment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ops:
    """Runs the command on that deployment."""
    monkeypatch.setenv("MOSAIC_DEPLOYMENT", str(deployment))
    monkeypatch.setattr(boto3.session, "Session", ONE_SESSION)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["infra.ops", *arguments])
        code = 0
        try:
            command.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Ended(code, captured.out, " ".join(captured.err.replace("│", " ").split()))

    return run


def failed(place: Place, tenant: str) -> Job:
    jobs = Jobs(place.table)
    job = jobs.create(new_job(tenant, time.time()))
    etags = {
        role: place.s3.put_object(Bucket=place.bucket, Key=job.file(role).key, Body=b"audio")["ETag"] for role in Role
    }
    return jobs.stuck(jobs.queue(job, etags))


def test_a_tenant_is_made_shown_limited_and_removed(ops: Ops, tenants: Tenants) -> None:
    name = f"t-{secrets.token_hex(6)}"
    made = ops("tenants", "add", name, "in_flight=12", "jobs_per_day=100000")
    assert (made.code, f"keys add {name}" in made.told) == (DONE, True)
    assert tenants.get(name).limits == {Quota.IN_FLIGHT: 12}
    assert "0 of 12" in ops("tenants", "show", name).out
    changed = ops("tenants", "limits", name, "in_flight=default", "bytes_per_day=5GB")
    assert (changed.code, "0 B of 5 GB" in changed.out, "a minute" in changed.told) == (DONE, True, True)
    assert tenants.get(name).all_limits == Limits(bytes_per_day=5_000_000_000)
    assert name in ops("tenants", "list").out
    assert ops("tenants", "remove", name).code == DONE
    assert name not in ops("tenants", "list").out


def test_what_a_tenant_used_is_counted(ops: Ops, place: Place, tenant: str) -> None:
    place.table.client.put_item(
        TableName=place.table.name,
        Item={"pk": {"S": f"TENANT#{tenant}"}, "sk": {"S": "IN_FLIGHT"}, "in_flight": {"N": "1234"}},
    )
    [row] = [line for line in ops("tenants", "list").out.splitlines() if line.startswith(tenant)]
    assert " ".join(row.split()) == f"{tenant} 0 of 100,000 0 B of 600 GB 1,234 of 100,000"


def test_the_value_of_a_new_key_is_all_that_is_on_standard_output(ops: Ops, place: Place, tenant: str) -> None:
    made = ops("keys", "add", tenant)
    assert made.code == DONE
    [value] = made.out.splitlines()
    [key] = place.gateway.get_api_keys(nameQuery=f"{place.table.name}.{tenant}", includeValues=True)["items"]
    assert (key["value"], value in made.told) == (value, False)
    assert key["id"] in made.told
    listed = ops("keys", "list", tenant)
    assert (value in listed.out + listed.told, "mosaic-test-standard" in listed.out) == (False, True)


def test_a_key_is_rotated_and_the_old_one_removed(ops: Ops, keys: Keys, tenant: str) -> None:
    ops("keys", "add", tenant, "--plan", "heavy")
    [first] = keys.all(tenant)
    rotated = ops("keys", "rotate", tenant)
    assert f"keys remove {first.id}" in rotated.told
    removed = ops("keys", "remove", first.id)
    assert (removed.code, "within 60 seconds" in removed.told) == (DONE, True)
    [second] = keys.all(tenant)
    assert (second.state, [plan.name for plan in second.plans]) == (KeyState.IN_USE, ["mosaic-test-heavy"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("tenants", "show", "nobody"), "no tenant nobody"),
        (("tenants", "limits", "nobody", "in_flight=1"), "no tenant nobody"),
        (("tenants", "remove", "nobody"), "no tenant nobody"),
        (("keys", "add", "nobody"), "no tenant nobody"),
        (("keys", "list", "nobody"), "no tenant nobody"),
        (("keys", "add", "nobody", "--plan", "gold"), "no usage plan gold"),
        (("keys", "remove", "0000000000"), "no key 0000000000"),
        (("replay", "0" * 32), "1 refused"),
        (("--table", "none-such", "tenants", "list"), "no table none-such in eu-central-1"),
        (("--table", "mosaic-test-jobs", "replay", "0" * 32), "name the bucket"),
        (("--table", "mosaic-test-jobs", "hosts", "list"), "--pool"),
        (("--table", "mosaic-test-jobs", "keys", "list"), "--deployment"),
    ],
)
def test_what_is_refused_says_why(arguments: tuple[str, ...], why: str, ops: Ops) -> None:
    refused = ops(*arguments)
    assert (refused.code, why in refused.told) == (REFUSED, True), refused


def test_a_tenant_that_is_there_or_has_keys_is_refused(ops: Ops, tenant: str) -> None:
    assert "already" in ops("tenants", "add", tenant).told
    for _ in range(2):
        assert ops("keys", "add", tenant).code == DONE
    assert "two keys" in ops("keys", "add", tenant).told
    kept = ops("tenants", "remove", tenant)
    assert (kept.code, "remove them first" in kept.told) == (REFUSED, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("tenants", "add", "Not A Name"),
        ("tenants", "add", "-a"),
        ("tenants", "add", "x" * 64),
        ("tenants", "add", "acme", "jobs_per_hour=1"),
        ("tenants", "limits", "acme"),
        ("keys", "add"),
        ("replay",),
        ("replay", "no-id"),
        ("replay", "0" * 32, "--failed-since", "1h"),
        ("replay", "0" * 32, "--tenant", "acme"),
        ("replay", "--failed-since", "yesterday"),
        ("--deployment", "no-such-file", "tenants", "list"),
        ("nonsense",),
    ],
)
def test_wrong_usage_changes_nothing(arguments: tuple[str, ...], ops: Ops, place: Place) -> None:
    before = place.table.client.scan(TableName=place.table.name)["Items"]
    assert ops(*arguments).code == USAGE
    assert place.table.client.scan(TableName=place.table.name)["Items"] == before


def test_a_deployment_of_another_account_is_refused(ops: Ops, deployment: Path) -> None:
    deployment.write_text('account = "999999999999"\n' + deployment.read_text())
    refused = ops("tenants", "list")
    assert (refused.code, "account 123456789012" in refused.told) == (REFUSED, True)


def test_what_aws_refuses_is_told_without_a_traceback(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3.session, "Session", ANY_SESSION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    refused = ops("tenants", "list")
    assert (refused.code, refused.told.startswith("error: There are no AWS credentials.")) == (REFUSED, True)


def test_replay_says_for_each_job_what_it_did(ops: Ops, place: Place, tenant: str) -> None:
    jobs = [failed(place, tenant) for _ in range(2)]
    first = ops("replay", jobs[0].id)
    [line] = first.out.splitlines()
    assert (first.code, first.told) == (DONE, "1 replayed, 0 replayed before, 0 refused.")
    by = line.split()[-1]
    assert Jobs(place.table).get(by).replay_of == jobs[0].id
    Jobs(place.table).cancel(Jobs(place.table).get(by))
    all_ = ops("replay", "--failed-since", "1h", "--tenant", tenant)
    assert (all_.code, all_.told) == (DONE, "1 replayed, 1 replayed before, 0 refused.")
    assert f"{jobs[0].id} replayed before by {by}, which is cancelled" in all_.out
    assert f"{jobs[1].id} replayed by " in all_.out


def test_where_nothing_failed_there_is_nothing_to_replay(ops: Ops, tenant: str) -> None:
    ended = ops("replay", "--failed-since", "2026-01-01", "--tenant", tenant)
    assert (ended.code, ended.out) == (DONE, "")


def test_hosts_are_listed_with_how_they_are(ops: Ops, place: Place) -> None:
    told = Host(
        host="i-0a1",
        pool="visqol-3",
        engine="visqol",
        version="3.8.0",
        seats=4,
        busy=3,
        mean_seconds=0.314,
        state=HostState.LICENCE_LOST,
        seen_at=time.time() - 20,
    )
    silent = {"host": "i-0b2", "pool": "polqa-3", "state": HostState.READY, "mean_seconds": None}
    hosts = Hosts(place.table)
    hosts.tell(told)
    hosts.tell(told.model_copy(update={**silent, "seen_at": time.time() - 7300}))
    lines = {line.split()[0]: line for line in ops("hosts", "list").out.splitlines()}
    assert all(part in lines["i-0a1"] for part in ("licence_lost", "3/4", "0.31", "visqol 3.8.0", "s ago"))
    assert all(part in lines["i-0b2"] for part in ("polqa-3", "silent", "2 hours ago"))
    assert "i-0b2" not in ops("hosts", "list", "--pool", "visqol-3").out
    assert "No host" in ops("hosts", "list", "--pool", "none-such").told
