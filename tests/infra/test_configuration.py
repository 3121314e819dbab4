"""The configuration of a deployment: read whole, or refused with all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.configuration import EXAMPLE, read
from shared.pools import Lane
from shared.resources import lane_queue
from shared.settings import BadSettings

LONGEST_POOL = "p" * 40
LONGEST_STAGE = "s" * 20
LONGEST_REGION = "ap-southeast-1"


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "deployment.toml"
    path.write_text(text)
    return path


def test_the_example_can_be_deployed_as_it_is() -> None:
    assert read(EXAMPLE).account is None


def test_every_error_is_told_at_once_with_where_it_is(tmp_path: Path) -> None:
    path = _file(tmp_path, 'stage = "Prod"\npools = ["polqa-3", "POLQA"]\naccount = 123456789012\nregoin = "eu-west-1"')
    with pytest.raises(BadSettings) as refused:
        read(path)
    assert sorted(line.partition(":")[0] for line in refused.value.errors) == ["account", "pools[1]", "regoin", "stage"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('stage = "prod"\npools = []', "pools: "),
        ('stage = "prod"\npools = ["visqol-3", "polqa-3", "visqol-3"]', "named twice: visqol-3"),
        ("stage = prod", "is not TOML"),
        ("", "stage: Field required"),
    ],
)
def test_what_cannot_be_deployed_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadSettings, match=complaint):
        read(_file(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"elsewhere\.toml: No such file"):
        read(tmp_path / "elsewhere.toml")


def test_the_longest_names_fit_into_what_aws_allows(tmp_path: Path) -> None:
    """SQS Developer Guide, "Queue quotas"; S3 User Guide, "Bucket naming rules"."""
    longest = read(_file(tmp_path, f'stage = "{LONGEST_STAGE}"\npools = ["{LONGEST_POOL}"]'))
    assert max(len(longest.name(lane_queue(LONGEST_POOL, lane))) for lane in Lane) == 80
    assert len(longest.name(f"123456789012-{LONGEST_REGION}")) <= 63
    for longer in (f'stage = "{LONGEST_STAGE}s"\npools = ["p"]', f'stage = "s"\npools = ["{LONGEST_POOL}p"]'):
        with pytest.raises(BadSettings, match="at most"):
            read(_file(tmp_path, longer))
