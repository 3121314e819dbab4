"""Which deployment a command is about, reached with the operator's own AWS credentials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config

from infra.ops.refusals import Refused
from shared.job_table import JobTable
from shared.tenants import Tenants

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_s3 import S3Client
    from types_boto3_ssm import SSMClient

    from infra.configuration import Configuration

CALLS = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})


@dataclass(frozen=True)
class Place:
    """A deployment by its configuration; or by the names of table and bucket, as the sandbox's.

    What it holds is made when it is first asked for. All of it raises Refused, and what botocore raises.
    """

    configuration: Configuration | None
    named_table: str | None = None
    named_bucket: str | None = None

    @cached_property
    def table(self) -> JobTable:
        """The jobs table: it is there, in the account that is meant."""
        table = JobTable(self._session.client("dynamodb", config=CALLS), self._table_name)
        try:
            account = _account(table)
        except table.client.exceptions.ResourceNotFoundException:
            raise Refused(
                f"There is no table {table.name} in {self.region} of this account. Name the deployment's file with"
                " --deployment, or choose other credentials or another region."
            ) from None
        if self.configuration and self.configuration.account not in (None, account):
            raise Refused(
                f"These credentials are for account {account}; the deployment is in {self.configuration.account}."
            )
        return table

    @cached_property
    def bucket(self) -> str:
        """The name of the bucket."""
        if self.named_bucket:
            return self.named_bucket
        if self.configuration is None:
            raise Refused("Where --table names the table, --bucket is to name the bucket.")
        return self.configuration.bucket(_account(self.table), self.region)

    @property
    def tenants(self) -> Tenants:
        """Its tenants."""
        return Tenants(self.table)

    @cached_property
    def s3(self) -> S3Client:
        """For what is in the bucket."""
        return self._session.client("s3", config=CALLS)

    @cached_property
    def gateway(self) -> APIGatewayClient:
        """For the API's keys."""
        if self.configuration is None:
            raise Refused("Keys are a deployment's: name its file with --deployment. A sandbox has its own.")
        return self._session.client("apigateway", config=CALLS)

    @cached_property
    def ec2(self) -> EC2Client:
        """For the machines."""
        return self._session.client("ec2", config=CALLS)

    @cached_property
    def ssm(self) -> SSMClient:
        """For the machines' agents."""
        return self._session.client("ssm", config=CALLS)

    def address(self, service: Literal["sqs", "dynamodb", "s3", "logs"]) -> str:
        """Where a service of AWS is called in this region."""
        return self._session.client(service, config=CALLS).meta.endpoint_url

    @property
    def pools(self) -> tuple[str, ...]:
        """Its pools; none where only names are known of it."""
        return self.configuration.pool_names if self.configuration else ()

    @property
    def region(self) -> str:
        """Where it is."""
        return str(self._session.region_name)

    def known_as(self, part: str) -> frozenset[str]:
        """What one of its parts may be called by: in short, or by its full name."""
        return frozenset({part, self.configuration.name(part)} if self.configuration else {part})

    @property
    def _table_name(self) -> str:
        if self.named_table:
            return self.named_table
        if self.configuration is None:
            raise ValueError("a place is known by its configuration or by its table")
        return self.configuration.table

    @cached_property
    def _session(self) -> boto3.session.Session:
        return boto3.session.Session(region_name=self.configuration.region if self.configuration else None)


def _account(table: JobTable) -> str:
    """The number of the account that the table is in."""
    return table.client.describe_table(TableName=table.name)["Table"]["TableArn"].split(":")[4]
