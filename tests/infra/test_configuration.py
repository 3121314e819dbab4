"""The configuration of a deployment: read whole, or refused with all that is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infra.configuration import EXAMPLE, read
from infra.settings.pools import VISQOL_MODES, shipped_presets
from shared.pools import Lane
from shared.resources import lane_queue
from shared.settings import BadSettings
from worker import engines
from worker.engines.preset import read_preset

LONGEST_POOL = "p" * 40
LONGEST_STAGE = "s" * 20
LONGEST_REGION = "ap-southeast-1"

STAGE = 'stage = "prod"\n'
VISQOL = '[[pools]]\nname = "visqol-3"\nengine = "visqol"\n'
POLQA = '[[pools]]\nname = "polqa-3"\nengine = "polqa"\npreset = "opticom-table"\n'
HOST = '[[pools.hosts]]\nname = "one"\nseats = 2\ninstance_id = "i-0123456789abcdef0"\n'
CREATE = (
    '[pools.hosts.create]\nami = "ami-0123456789abcdef0"\ninstance_type = "m6i.xlarge"\n'
    'vpc = "vpc-01234567"\nsubnet = "subnet-01234567"\n'
)


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "deployment.toml"
    path.write_text(text)
    return path


def _uncommented(text: str) -> str:
    """The example with everything in it that may be left out: `# name = value` and `# [table]` lines bare."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        shown = bare.startswith("[") or " = " in bare.partition("#")[0]
        lines.append(bare if line.startswith("# ") and shown else line)
    return "\n".join(lines)


def test_the_example_can_be_deployed_as_it_is() -> None:
    assert read(EXAMPLE).account is None


def test_all_that_the_example_shows_behind_a_mark_is_known_and_shows_the_default(tmp_path: Path) -> None:
    whole = _uncommented(EXAMPLE.read_text()).replace('instance_id = "', '# instance_id = "', 1)
    with pytest.raises(BadSettings) as refused:
        read(_file(tmp_path, whole))
    # The archive is not there; all else is well.
    assert [line.partition(":")[0] for line in refused.value.errors] == ["delivery.python_archive"]
    archive = tmp_path / "cpython-3.12-x86_64-linux-install_only.tar.gz"
    archive.write_bytes(b"an interpreter")
    shown = "0123456789abcdef" * 4
    whole = whole.replace(shown, hashlib.sha256(archive.read_bytes()).hexdigest())
    told, example = read(_file(tmp_path, whole)), read(EXAMPLE)
    assert (told.log_days, told.api.plans, told.alarms.interactive_wait, told.alarms.bulk_wait) == (
        example.log_days,
        example.api.plans,
        example.alarms.interactive_wait,
        example.alarms.bulk_wait,
    )


def test_every_error_is_told_at_once_with_where_it_is(tmp_path: Path) -> None:
    wrong = """
stage = "Prod"
account = 123456789012
regoin = "eu-west-1"
log_days = 2
[[pools]]
name = "POLQA"
engine = "polqa"
preset = "opticom-tabel"
[[pools.hosts]]
name = "neither"
seats = 0
[[pools.hosts]]
name = "both"
seats = 1
instance_id = "licensed-1"
[api]
callers = ["198.51.100.1/24", "everybody"]
[api.plans.basic]
requests_per_second = 1
burst = 1
requests_per_month = 0
[api.domain]
name = "polqa"
certificate_arn = "arn:aws:iam::123456789012:server-certificate/x"
[alarms]
emails = ["operator"]
[budget]
monthly_usd = 0
emails = []
[delivery]
python_archive = "nowhere.tar.gz"
python_sha256 = "0"
python_version = "3.6"
[endpoints]
vpc = "mine"
subnets = []
route_tables = []
security_groups = []
"""
    with pytest.raises(BadSettings) as refused:
        read(_file(tmp_path, wrong))
    assert sorted(line.partition(":")[0] for line in refused.value.errors) == [
        "account",
        "alarms.emails[0]",
        "api.callers[0]",
        "api.callers[1]",
        "api.domain.certificate_arn",
        "api.domain.name",
        "api.plans.basic.requests_per_month",
        "budget.emails",
        "budget.monthly_usd",
        "delivery.python_archive",
        "delivery.python_sha256",
        "delivery.python_version",
        "endpoints.route_tables",
        "endpoints.security_groups",
        "endpoints.subnets",
        "endpoints.vpc",
        "log_days",
        "pools[0].hosts[0].create",
        "pools[0].hosts[0].seats",
        "pools[0].hosts[1].instance_id",
        "pools[0].name",
        "pools[0].preset",
        "regoin",
        "stage",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (STAGE + "pools = []", "pools: "),
        (STAGE + VISQOL + POLQA + VISQOL, "named twice: visqol-3"),
        (STAGE + VISQOL + HOST + POLQA + HOST, "named twice: one"),
        (STAGE + VISQOL + HOST + HOST, "named twice: one"),
        (STAGE + VISQOL + HOST + 'settings = { SEATS = "4", HOST = "x" }', "tells each worker its HOST, SEATS: leave"),
        (STAGE + VISQOL + HOST + 'settings = { BASE = "it\'s" }', "hosts.0..settings.BASE: must match"),
        (STAGE + VISQOL + HOST + 'settings = { "cache bytes" = "1" }', "settings.cache bytes.*: must match"),
        (STAGE + VISQOL + HOST.replace("one", "reconciler"), r"hosts\[0\].name: an alarm of the service's would have"),
        (STAGE + VISQOL + HOST + CREATE, "or under create what to make"),
        (STAGE + VISQOL + 'preset = "opticom-table"', "ViSQOL has no presets"),
        (STAGE + '[[pools]]\nname = "polqa-3"\nengine = "polqa"', "polqa needs one: opticom-stdout"),
        (STAGE + '[[pools]]\nname = "p"\nengine = "polqa"\npreset = "mine"', "no preset mine. Shipped are opticom-"),
        ("stage = prod", "is not TOML"),
        ("", "stage: must be set"),
    ],
)
def test_what_cannot_be_deployed_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadSettings, match=complaint):
        read(_file(tmp_path, text))


def test_a_stage_that_has_no_file_is_told_with_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"elsewhere\.toml: No such file.* there are: .*example\.toml"):
        read(tmp_path / "elsewhere.toml")


def test_an_interpreter_that_is_not_the_one_that_was_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "python.tar.gz").write_bytes(b"another interpreter")
    meant = hashlib.sha256(b"an interpreter").hexdigest()
    told = f'[delivery]\npython_archive = "python.tar.gz"\npython_sha256 = "{meant}"\npython_version = "3.12"'
    with pytest.raises(BadSettings, match=r"python_sha256: .*the file's is [0-9a-f]{64}"):
        read(_file(tmp_path, STAGE + VISQOL + told))


def test_a_pool_has_the_modes_that_the_worker_will_find(tmp_path: Path) -> None:
    described = engines.load("visqol").describe()
    assert (described.modes, described.default_mode) == (VISQOL_MODES, VISQOL_MODES[0].name)
    for preset in shipped_presets():
        [settings] = read(_file(tmp_path, STAGE + POLQA.replace("opticom-table", preset))).pools
        read_there = read_preset(preset)
        assert (settings.pool.modes, settings.pool.default_mode) == (read_there.scales(), read_there.default_mode)


def test_a_preset_of_ones_own_is_found_from_where_the_file_is(tmp_path: Path) -> None:
    own = (EXAMPLE.parents[2] / "worker" / "engines" / "presets" / "opticom-table.toml").read_text()
    (tmp_path / "own.toml").write_text(own.replace('default_mode = "swb"', 'default_mode = "nb"'))
    [settings] = read(_file(tmp_path, STAGE + POLQA.replace("opticom-table", "own.toml"))).pools
    assert settings.pool.default_mode == "nb"


def test_the_longest_names_fit_into_what_aws_allows(tmp_path: Path) -> None:
    """SQS Developer Guide, "Queue quotas"; S3 User Guide, "Bucket naming rules"."""
    pool = VISQOL.replace("visqol-3", LONGEST_POOL)
    longest = read(_file(tmp_path, f'stage = "{LONGEST_STAGE}"\n{pool}'))
    assert max(len(longest.name(lane_queue(LONGEST_POOL, lane))) for lane in Lane) == 80
    assert len(longest.name(f"123456789012-{LONGEST_REGION}")) <= 63
    longer = pool.replace(LONGEST_POOL, f"{LONGEST_POOL}p")
    for text in (f'stage = "{LONGEST_STAGE}s"\n{pool}', f'stage = "s"\n{longer}'):
        with pytest.raises(BadSettings, match="at most"):
            read(_file(tmp_path, text))
