"""The sweeper: DynamoDB's time to live, which no emulator performs so that the stream shows it.

DynamoDB Developer Guide, "Using time to live": items whose attribute is a time in the past are deleted in the
background, within days there, within a minute here. In the stream they are ordinary removals.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared import items, logs
from shared.resources import JOBS_TABLE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

INTERVAL_SECONDS = 60.0


class Sweeper:
    """Deletes, each interval, the items of the jobs table whose life is over."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, clock: Callable[[], float] = time.time) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._log = logs.get(__name__)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweep until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the sweep in hand."""
        self._stopping.set()
        self._thread.join()

    def sweep(self) -> int:
        """Go over the table once; how many items were deleted."""
        return sum(self.delete_if_over(key) for key in self.find_over())

    def find_over(self) -> list[dict[str, AttributeValueTypeDef]]:
        """The keys of the items whose life is over now."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="#pk, #sk",
            FilterExpression="#ttl <= :now",
            ExpressionAttributeNames={
                "#pk": JOBS_TABLE.partition_key,
                "#sk": JOBS_TABLE.sort_key,
                "#ttl": JOBS_TABLE.ttl_attribute,
            },
            ExpressionAttributeValues=self._now(),
        )
        return [item for page in pages for item in page["Items"]]

    def delete_if_over(self, key: dict[str, AttributeValueTypeDef]) -> bool:
        """Delete an item unless its life was renewed since it was found."""
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=key,
                ConditionExpression="#ttl <= :now",
                ExpressionAttributeNames={"#ttl": JOBS_TABLE.ttl_attribute},
                ExpressionAttributeValues=self._now(),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _now(self) -> dict[str, AttributeValueTypeDef]:
        return items.pack({":now": int(self._clock())})

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_SECONDS):
            try:
                swept = self.sweep()
            except Exception:
                self._log.exception("sweep_failed")
            else:
                self._log.info("swept", items=swept)
