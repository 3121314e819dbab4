"""A deployment on moto: its table and bucket by their names there, and a gateway with three usage plans."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import boto3
import pytest

from infra.configuration import Configuration
from infra.ops.keys import Keys, Plan
from infra.ops.place import Place
from infra.settings.pools import PoolSettings
from sandbox import resources
from shared.jobs import Jobs
from shared.tenants import Tenants

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# moto's API Gateway imports these to validate definitions of APIs, of which no test gives it one.
for _module in ("openapi_spec_validator", "openapi_spec_validator.validation.exceptions"):
    sys.modules.setdefault(_module, MagicMock())

ACCOUNT = "123456789012"  # moto's
REGION = "eu-central-1"
POOLS = ("visqol-3", "polqa-3")
PLANS = ("basic", "standard", "heavy")


@pytest.fixture(scope="session")
def deployed(dynamodb: DynamoDBClient) -> Configuration:
    """What was deployed there, and what is needed of it."""
    configuration = Configuration(
        stage="test", pools=tuple(PoolSettings(name=name, engine="visqol") for name in POOLS), region=REGION
    )
    resources.create_table(dynamodb, configuration.table)
    boto3.client("s3").create_bucket(
        Bucket=configuration.bucket(ACCOUNT, REGION),
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    gateway = boto3.client("apigateway")
    for plan in PLANS:
        gateway.create_usage_plan(name=configuration.name(plan))
    return configuration


@pytest.fixture(scope="session")
def place(deployed: Configuration) -> Place:
    return Place(deployed)


@pytest.fixture
def tenants(place: Place) -> Tenants:
    return place.tenants


@pytest.fixture
def jobs(place: Place) -> Jobs:
    return Jobs(place.table)


@pytest.fixture
def keys(place: Place) -> Keys:
    return Keys(place.gateway, place.tenants, place.table.name)


@pytest.fixture
def standard(keys: Keys, place: Place) -> Plan:
    return keys.plan(place.known_as("standard"))


@pytest.fixture
def tenant(tenants: Tenants) -> str:
    """A tenant of this test alone."""
    name = f"t-{secrets.token_hex(6)}"
    tenants.add(name, {})
    return name
