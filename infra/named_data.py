"""What the `Data` stack holds, as other stacks know it: by its fixed names.

References from stack to stack would be exports, and an export that is in use cannot go: no pool could ever be taken
away. The one that there is leads to the table's stream, whose name nobody knows beforehand.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk.aws_sqs import Queue

from shared.pools import Lane
from shared.resources import BATCHES_QUEUE, MALFORMED_QUEUE, lane_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk.aws_sqs import IQueue
    from constructs import Construct

    from infra.configuration import Configuration
    from infra.settings.pools import PoolSettings


def pools_setting(pools: Sequence[PoolSettings]) -> str:
    """The setting `MOSAIC_POOLS`: what clients are promised of these pools. JSON without an apostrophe."""
    told = [pool.pool.model_dump(mode="json", exclude_defaults=True) for pool in pools]
    return json.dumps(told, separators=(",", ":")).replace("'", r"\u0027")


class NamedData:
    """Table, bucket and queues of a deployment, seen from a stack."""

    def __init__(self, scope: Construct, configuration: Configuration) -> None:
        stack = Stack.of(scope)
        self.scope = scope
        self._stack = stack
        self._configuration = configuration
        self.table = configuration.table
        self.table_arn = stack.format_arn(service="dynamodb", resource="table", resource_name=self.table)
        self.bucket = configuration.bucket(stack.account, stack.region)
        self.bucket_arn = f"arn:{stack.partition}:s3:::{self.bucket}"
        self.lanes = [lane_queue(pool, lane) for pool in configuration.pool_names for lane in Lane]

    def index_arn(self, index: str) -> str:
        """The ARN of one of the table's indexes."""
        return f"{self.table_arn}/index/{index}"

    def objects_arn(self, prefix: str) -> str:
        """The ARN of all objects under a prefix."""
        return f"{self.bucket_arn}/{prefix}*"

    def queue_arn(self, name: str) -> str:
        """The ARN of a queue, by its name in `shared.resources`."""
        return self._stack.format_arn(service="sqs", resource=self._configuration.name(name))

    def queue(self, name: str) -> IQueue:
        """A queue, by its name in `shared.resources`."""
        return Queue.from_queue_arn(self.scope, name, self.queue_arn(name))

    def queue_urls(self, names: list[str]) -> str:
        """The setting `MOSAIC_QUEUE_URLS`, of these queues."""
        return json.dumps({name: self._url(name) for name in names})  # its unknowns are plain text: no quotes in them

    def _url(self, name: str) -> str:
        stack = self._stack
        host = f"https://sqs.{stack.region}.{stack.url_suffix}"
        return f"{host}/{stack.account}/{self._configuration.name(name)}"

    @property
    def common(self) -> dict[str, str]:
        """The settings that functions and workers share."""
        lives = self._configuration.lives
        told = {"MOSAIC_TABLE": self.table, "MOSAIC_BUCKET": self.bucket}
        return told | {"MOSAIC_LIVES": lives if isinstance(lives, str) else lives.model_dump_json()}

    def queues_of_functions(self) -> list[str]:
        """The queues that functions send to."""
        return [*self.lanes, BATCHES_QUEUE]

    @staticmethod
    def queues_of_worker(pool: str) -> list[str]:
        """The queues that the workers of a pool read, and the one that they send to."""
        return [*(lane_queue(pool, lane) for lane in Lane), MALFORMED_QUEUE]
