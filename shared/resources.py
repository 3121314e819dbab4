"""What the service is made of in AWS: one table, one bucket, the queues. The CDK app and the sandbox build from these.

Quotas and forms: DynamoDB Developer Guide, "Quotas"; SQS Developer Guide, "Message quotas"; S3 User Guide, "Managing
the lifecycle of objects" and "Event notifications".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from shared.object_keys import JOBS_PREFIX, REFERENCES_PREFIX, RESULTS_PREFIX
from shared.pools import Lane

MINUTE = 60
DAY = 24 * 60 * MINUTE


@dataclass(frozen=True)
class Index:
    """A global secondary index: its keys, and the attributes it holds beside them (none: keys only)."""

    name: str
    partition_key: str
    sort_key: str
    sort_is_number: bool = False
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A DynamoDB table with string keys, on-demand, with a stream of old and new images."""

    partition_key: str
    sort_key: str
    ttl_attribute: str
    indexes: tuple[Index, ...]


@dataclass(frozen=True)
class Queue:
    """A standard SQS queue. Times in seconds; `dead_letter` names the queue for what was received too often."""

    name: str
    visibility: int = 60
    retention: int = 10 * DAY
    dead_letter: str | None = None
    max_receives: int = 0


@dataclass(frozen=True)
class Expiry:
    """A lifecycle rule: objects under `prefix` go after `days`. A net only; the janitor clears before it."""

    prefix: str
    days: int


ABANDONED_DAYS = 1  # an upload in parts that nobody finishes


@dataclass(frozen=True)
class Bucket:
    """The one private bucket. New objects under `event_prefixes` are told to `event_queue`."""

    expiries: tuple[Expiry, ...]
    event_queue: str
    event_prefixes: tuple[str, ...]


# Which of the stream's records the stream reader is given: removals, and ends, which are what gives a job a life.
# Lambda Developer Guide, "Control which events Lambda sends to your function".
STREAM_FILTERS: tuple[Mapping[str, JsonValue], ...] = (
    {"eventName": ["REMOVE"], "dynamodb": {"Keys": {"sk": {"S": ["JOB", "META"]}}}},
    {"eventName": ["REMOVE"], "dynamodb": {"OldImage": {"sha256": {"S": [{"exists": True}]}}}},  # of a reference
    {
        "eventName": ["MODIFY"],
        "dynamodb": {
            "Keys": {"sk": {"S": ["JOB"]}},
            "OldImage": {"expires_at": {"N": [{"exists": False}]}},
            "NewImage": {"expires_at": {"N": [{"exists": True}]}},
        },
    },
)
RECONCILE_SECONDS = 60

PENDING_SHARDS = 16
LISTED = ("state", "label", "engine", "mode", "times", "result", "error", "lane", "expires_at", "custom_id")

JOBS_TABLE = Table(
    partition_key="pk",
    sort_key="sk",
    ttl_attribute="expires_at",
    indexes=(
        Index("by_tenant", "tenant", "listed_at", attributes=LISTED),
        Index("by_batch", "batch", "listed_at", attributes=LISTED),
        Index("pending", "pending", "check_at", sort_is_number=True, attributes=("state", "pool", "lane", "sends")),
    ),
)

UPLOADS_QUEUE = "uploads"
UPLOADS_DEAD_QUEUE = "uploads-dead"
BATCHES_QUEUE = "batches"
BATCHES_DEAD_QUEUE = "batches-dead"
# Of queues that feed functions, six times the function's time-out: Lambda Developer Guide, "Configuring a queue".
FED_VISIBILITY = 6 * MINUTE
BATCHES_VISIBILITY = 30 * MINUTE
DEAD_QUEUE = "jobs-dead"
MALFORMED_QUEUE = "jobs-malformed"
MAX_RECEIVES = 1000  # a net for messages nobody can work off; `failures` in the table is the retry policy
VISIBILITY = 60

COMMON_QUEUES = (
    Queue(DEAD_QUEUE, visibility=FED_VISIBILITY, retention=14 * DAY),
    Queue(MALFORMED_QUEUE, retention=14 * DAY),
    Queue(UPLOADS_DEAD_QUEUE, retention=14 * DAY),
    Queue(UPLOADS_QUEUE, visibility=FED_VISIBILITY, dead_letter=UPLOADS_DEAD_QUEUE, max_receives=MAX_RECEIVES),
    Queue(BATCHES_DEAD_QUEUE, retention=14 * DAY),
    Queue(BATCHES_QUEUE, visibility=BATCHES_VISIBILITY, dead_letter=BATCHES_DEAD_QUEUE, max_receives=MAX_RECEIVES),
)

# Later than anything lives that `shared.lives` lets live. Results of a batch's first job lie there for up to ten days
# before its batch has ended, for 30 by default after that, and for two more where the table's time to live is late.
BUCKET = Bucket(
    expiries=(Expiry(JOBS_PREFIX, 30), Expiry(RESULTS_PREFIX, 90)),
    event_queue=UPLOADS_QUEUE,
    event_prefixes=(JOBS_PREFIX, REFERENCES_PREFIX),
)

# What WAV files are sent as: one type under four names. Binary types at the gateway.
AUDIO_TYPES = ("audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave")


def lane_queue(pool: str, lane: Lane) -> str:
    """The name of one lane's queue."""
    return f"{pool}-{lane}"


def pool_queues(pool: str) -> tuple[Queue, ...]:
    """The queues of one pool, a lane each."""
    return tuple(
        Queue(lane_queue(pool, lane), visibility=VISIBILITY, dead_letter=DEAD_QUEUE, max_receives=MAX_RECEIVES)
        for lane in Lane
    )
