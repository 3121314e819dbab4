"""The lanes as the reconciler finds them: whose messages were lost, and how many may be sent again.

A lane whose messages were lost is empty twice, a minute apart; all that wait in it are due at once. Into one that holds
messages, few are sent again in a minute: what waits there is likely to have a message, and waits for its turn.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from shared import items, logs
from shared.pools import Lane
from shared.resources import lane_queue

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_sqs.literals import QueueAttributeNameType

    from api.service import Service

FEW = 10  # messages sent again in a minute, into a lane that holds little: under 1 % of 1,000 jobs
# Of the messages that it holds, into one that holds more. After days of waiting a job has some ten of them, for each
# doubles its patience: so it is under 1 % of the jobs, however long they wait.
SHARE = 0.001
AGAIN_SECONDS = (45, 5 * 60)  # how long ago it was seen empty before
COUNTS: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

log = logs.get(__name__)


class Lanes:
    """The lanes of every pool, as they are now. Safe to use from several threads."""

    def __init__(self, service: Service) -> None:
        names = [lane_queue(pool.name, lane) for pool in service.settings.pools for lane in Lane]
        depths = {name: _depth(service, name) for name in names}
        self._left = {name: max(FEW, int(depth * SHARE)) for name, depth in depths.items()}
        self._lost = {name for name, depth in depths.items() if _empty_again(service, name, depth)}
        self._lock = threading.Lock()

    @property
    def any_lost(self) -> bool:
        """Whether any lane lost its messages."""
        return bool(self._lost)

    def lost(self, lane: str) -> bool:
        """Whether the lane's messages were lost: it is empty for the second time."""
        return lane in self._lost

    def spent(self, lane: str) -> bool:
        """Whether as many were sent again as may be."""
        return not self.lost(lane) and self._left.get(lane, FEW) <= 0

    def take(self, lane: str) -> bool:
        """Whether one more may be sent again; counts it."""
        with self._lock:
            spent = self.spent(lane)
            self._left[lane] = self._left.get(lane, FEW) - 1
            return not spent


def _depth(service: Service, lane: str) -> int:
    """How many messages a lane holds: waiting, being worked on, delayed."""
    url = service.settings.queue_urls[lane]
    counts = service.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    return sum(int(counts[name]) for name in COUNTS)


def _empty_again(service: Service, lane: str, depth: int) -> bool:
    """Whether a lane is empty as it was a minute ago. That is noted in the table, and told once."""
    key: dict[str, JsonValue] = {"pk": "RECONCILER", "sk": f"EMPTY#{lane}"}
    mark = service.table.read(key)
    age = time.time() - float(str(mark["seen_at"])) if mark else None
    soonest, latest = AGAIN_SECONDS
    if depth or (age is not None and age >= soonest):
        service.dynamodb.delete_item(TableName=service.table.name, Key=items.pack(key))
    elif age is None:
        seen: dict[str, JsonValue] = {**key, "seen_at": time.time(), "expires_at": int(time.time()) + latest}
        service.dynamodb.put_item(TableName=service.table.name, Item=items.pack(seen))
    return not depth and age is not None and soonest <= age < latest
