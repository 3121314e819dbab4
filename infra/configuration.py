"""What is deployed: one typed configuration, read from a TOML file and validated whole before any construct is made."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.pools import PoolName
from shared.settings import BadSettings

EXAMPLE = Path(__file__).with_name("deployment.toml")


def _unique(pools: tuple[PoolName, ...]) -> tuple[PoolName, ...]:
    twice = sorted({pool for pool in pools if pools.count(pool) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    return pools


class Configuration(BaseModel):
    """One deployment. Without an account or region, those of the credentials that deploy it are used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str = Field(
        pattern=r"^[a-z][a-z0-9]*$",
        max_length=20,  # so that every name fits: SQS takes 80 characters, S3 63
        description="Tells this deployment's resources from those of others in the account.",
    )
    pools: Annotated[tuple[PoolName, ...], AfterValidator(_unique)] = Field(min_length=1)
    account: str | None = Field(None, pattern=r"^[0-9]{12}$")
    region: str | None = Field(None, pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")

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


def read(path: Path) -> Configuration:
    """The configuration in that file. Raises BadSettings with every error."""
    try:
        return Configuration.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise BadSettings([f"{path}: {error.strerror}"]) from None
    except ValidationError as error:
        raise BadSettings([_line(details["loc"], details["msg"]) for details in error.errors()]) from None
    except ValueError as error:  # neither TOML nor text: tomllib and UTF-8 both raise a kind of it
        raise BadSettings([f"{path} is not TOML: {error}"]) from None


def _line(location: tuple[int | str, ...], message: str) -> str:
    name, *inner = location
    return f"{name}{''.join(f'[{part!r}]' for part in inner)}: {message}"
