"""The stream pump: moves the records of the table's stream to a function, as AWS does by itself.

Forms and rules: Lambda Developer Guide, "Using Lambda with Amazon DynamoDB", and there "Partial batch response" and
"Event filtering".
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from sandbox.cloud import REGION
from sandbox.function import Function, FunctionFailed
from sandbox.pumps import failed_ids
from shared import logs
from shared.resources import STREAM_FILTERS

if TYPE_CHECKING:
    from pydantic import JsonValue
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_dynamodbstreams.type_defs import RecordTypeDef

BATCH = 100  # Lambda's default for a stream
PAUSE_SECONDS = 0.5  # between looks at a stream that has nothing new; Lambda looks four times a second
TRIMMED = ("TrimmedDataAccessException", "ResourceNotFoundException")  # what was read last is there no more

Record = dict[str, "JsonValue"]


class StreamPump:
    """Feeds the table's stream to one function, in order, from its beginning: consumers take a record twice in stride.

    What the function fails on comes again, with all that follows it.
    """

    def __init__(
        self, dynamodb: DynamoDBClient, streams: DynamoDBStreamsClient, table: str, function: Function
    ) -> None:
        self._dynamodb = dynamodb
        self._streams = streams
        self._table = table
        self._function = function
        self._last: str | None = None  # sequence number of the last record that was handed over
        self._iterator: str | None = None
        self._log = logs.get(__name__).bind(function=function.name)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{function.name}-pump", daemon=True)

    def start(self) -> None:
        """Pump until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what there is: this stream is not kept beyond its cloud's end."""
        self._stopping.set()
        self._thread.join()

    def turn(self) -> int:
        """Hand over what comes next; how many records are done with."""
        iterator, self._iterator = self._iterator or self._new_iterator(), None  # after a failure: a new one
        answer = self._streams.get_records(ShardIterator=iterator, Limit=BATCH)
        records = answer["Records"]
        done = self._hand_over(records)
        if done:
            self._last = records[done - 1]["dynamodb"]["SequenceNumber"]
        if done == len(records):
            self._iterator = answer.get("NextShardIterator")
        return done

    def _run(self) -> None:
        while self._safe_turn() or not self._stopping.wait(PAUSE_SECONDS):
            continue

    def _safe_turn(self) -> int:
        try:
            return self.turn()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in TRIMMED:
                self._last = None
            self._log.warning("stream_not_read", error=code)
        except Exception:
            self._log.exception("pump_failed")
        return 0

    def _new_iterator(self) -> str:
        arn = self._dynamodb.describe_table(TableName=self._table)["Table"]["LatestStreamArn"]
        shard = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        if self._last is None:
            found = self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        else:
            found = self._streams.get_shard_iterator(
                StreamArn=arn,
                ShardId=shard,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                SequenceNumber=self._last,
            )
        return found["ShardIterator"]

    def _hand_over(self, records: Sequence[RecordTypeDef]) -> int:
        """How many records there are before the first that failed."""
        events = [_event(record) for record in records]
        wanted: list[JsonValue] = [event for event in events if any(matches(rule, event) for rule in STREAM_FILTERS)]
        if not wanted:
            return len(records)
        try:
            failed = failed_ids(self._function.invoke({"Records": wanted}).result())
        except FunctionFailed:
            return 0  # it logged why
        except ValueError as error:
            self._log.error("malformed_batch_response", reason=str(error))
            return 0
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        if not failed <= set(numbers):
            self._log.error("unknown_batch_item", items=sorted(failed))
            return 0
        return min(map(numbers.index, failed), default=len(numbers))


def matches(rule: Mapping[str, JsonValue], event: JsonValue) -> bool:
    """Whether a record meets a filter rule: exact values and `exists`, which are all that ours use."""
    if not isinstance(event, Mapping):
        event = {}
    return all(_meets(wanted, event.get(name)) for name, wanted in rule.items())


def _meets(wanted: JsonValue, value: JsonValue) -> bool:
    if isinstance(wanted, Mapping):
        return matches(wanted, value)
    choices = cast("Sequence[JsonValue]", wanted)
    return any(
        (value is not None) == choice["exists"] if isinstance(choice, Mapping) else value == choice
        for choice in choices
    )


def _event(record: RecordTypeDef) -> Record:
    """The record as Lambda hands it over; the client has turned its times and binaries into Python's."""
    change = record["dynamodb"]
    told: Record = {
        "SequenceNumber": change["SequenceNumber"],
        "StreamViewType": change["StreamViewType"],
        **{name: cast("JsonValue", change[name]) for name in ("Keys", "OldImage", "NewImage") if name in change},
    }
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": told,
    }
