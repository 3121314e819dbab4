"""What is deployed: one typed configuration, read from a TOML file and validated whole before any construct is made."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from infra.settings.api import ApiSettings
from infra.settings.delivery import Delivery, Endpoints
from infra.settings.hosts import HostSettings
from infra.settings.part import Part, Some, each_once
from infra.settings.pools import FOLDER, PoolSettings
from infra.settings.watch import AlarmSettings, Budget
from shared.lives import LIVES, Lives
from shared.settings import BadSettings, words

STAGES = Path(__file__).with_name("stages")
EXAMPLE = STAGES / "example.toml"

MOST_POOLS = 4  # what a function's environment of 4 KB has room for: Lambda quotas

# Those that CloudWatch Logs knows: CloudWatch Logs API Reference, PutRetentionPolicy.
LogDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653]
Tag = Annotated[str, Field(pattern=r"^[\w .:/=+@-]*$", max_length=128)]


def _unique(pools: tuple[PoolSettings, ...]) -> tuple[PoolSettings, ...]:
    each_once(pool.name for pool in pools)
    each_once(host.name for pool in pools for host in pool.hosts)
    return pools


class Configuration(Part):
    """One deployment. Without an account or region, those of the credentials that deploy it are used."""

    stage: str = Field(
        pattern=r"^[a-z][a-z0-9]*$",
        max_length=20,  # so that every name fits: SQS takes 80 characters, S3 63
        description="Tells this deployment's resources from those of others in the account.",
    )
    pools: Annotated[Some[PoolSettings], AfterValidator(_unique)] = Field(
        max_length=MOST_POOLS, description="The first is the default engine's."
    )
    account: str | None = Field(None, pattern=r"^[0-9]{12}$")
    region: str | None = Field(None, pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")
    upload_origins: tuple[Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$")], ...] = ()
    log_days: LogDays = 30
    lives: Literal["strict"] | Lives = LIVES
    api: ApiSettings = ApiSettings()
    alarms: AlarmSettings = AlarmSettings()
    budget: Budget | None = None
    delivery: Delivery | None = None
    endpoints: Endpoints | None = None
    tags: dict[Tag, Tag] = Field(default_factory=dict)

    def name(self, part: str) -> str:
        """The name of one of this deployment's resources."""
        return f"mosaic-{self.stage}-{part}"

    @property
    def table(self) -> str:
        """The name of the jobs table."""
        return self.name("jobs")

    def bucket(self, account: str, region: str) -> str:
        """The name of the bucket: bucket names are one namespace for all accounts."""
        return self.name(f"{account}-{region}")

    @property
    def metrics_namespace(self) -> str:
        """Where the workers' metrics are: those of another deployment may be of pools and hosts of the same names."""
        return f"Mosaic/{self.stage}"

    @property
    def pool_names(self) -> tuple[str, ...]:
        """The names of its pools, the default engine's first."""
        return tuple(pool.name for pool in self.pools)

    @property
    def hosts(self) -> tuple[tuple[PoolSettings, HostSettings], ...]:
        """Every host, with the pool that it works for."""
        return tuple((pool, host) for pool in self.pools for host in pool.hosts)


def read(path: Path) -> Configuration:
    """The configuration in that file. Raises BadSettings with every error."""
    try:
        return Configuration.model_validate(tomllib.loads(path.read_text()), context={FOLDER: path.parent})
    except OSError as error:
        raise BadSettings([_unread(path, error)]) from None
    except ValidationError as error:
        raise BadSettings([_line(details["loc"], words(details)) for details in error.errors()]) from None
    except ValueError as error:  # neither TOML nor text: tomllib and UTF-8 both raise a kind of it
        raise BadSettings([f"{path} is not TOML: {error}"]) from None


def _unread(path: Path, error: OSError) -> str:
    stages = ", ".join(sorted(stage.name for stage in STAGES.glob("*.toml")))
    return f"{path}: {error.strerror}. In {STAGES.parent.name}/{STAGES.name} there are: {stages}"


def _line(location: tuple[int | str, ...], message: str) -> str:
    name, *inner = location
    return f"{name}{''.join(f'[{part}]' if isinstance(part, int) else f'.{part}' for part in inner)}: {message}"
