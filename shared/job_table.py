"""The table that jobs live in: reads, and the one kind of write there is, a conditional one.

A failed condition is not believed by itself. A response can be lost after its write was applied, and the retry then
loses against itself. So each write leaves a random `last_op`, asks for the old item on failure, and takes an old item
that already shows this `last_op` for success.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder
from botocore.exceptions import ClientError
from pydantic import JsonValue

from shared import items
from shared.errors import LostRace, UnknownJob
from shared.job import Job
from shared.resources import PENDING_SHARDS

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutTypeDef

R = TypeVar("R")


class Attempts(Protocol):
    """Who retries a call. The call carries its `last_op`, so that repeating it is harmless."""

    def __call__(self, call: Callable[[], R]) -> R:
        """Make the call, again where it failed and that may pass."""


def once(call: Callable[[], R]) -> R:
    """Leave retries to the client's own configuration."""
    return call()


@dataclass(frozen=True)
class Change:
    """What an update sets (dotted paths reach into maps), removes, and adds to (counters)."""

    values: Mapping[str, JsonValue]
    remove: tuple[str, ...] = ()
    add: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Expression:
    text: str
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, JsonValue] = field(default_factory=dict)


def job_key(job_id: str) -> dict[str, JsonValue]:
    """The key of a job's item."""
    return {"pk": f"JOB#{job_id}", "sk": "JOB"}


def pending_key(job_id: str) -> str:
    """The partition of the sparse index `pending` that a job is listed in until it ends."""
    return f"P#{int(job_id[:4], 16) % PENDING_SHARDS:02d}"


class JobTable:
    """Job items, read consistently and written conditionally."""

    def __init__(self, client: "DynamoDBClient", name: str, attempts: Attempts = once) -> None:
        self.client = client
        self.name = name
        self.attempts = attempts

    def get(self, job_id: str) -> Job:
        """The job, read consistently. Raises UnknownJob."""
        item = self.read(job_key(job_id))
        if item is None:
            raise UnknownJob(job_id)
        return Job.model_validate(item)

    def read(self, key: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
        """Any item of the table, read consistently, or None."""
        response = self.attempts(
            lambda: self.client.get_item(TableName=self.name, Key=items.pack(key), ConsistentRead=True)
        )
        return items.unpack(response["Item"]) if "Item" in response else None

    def update(self, job_id: str, change: Change, condition: ConditionBase) -> Job:
        """Change a job that exists and meets the condition; the job as it then is.

        Raises UnknownJob, or LostRace with the job as it stands. Repeating an applied write is success.
        """
        last_op = new_op()
        update = _update_expression(replace(change, values={**change.values, "last_op": last_op}))
        guard = _condition_expression(Attr("pk").exists() & condition)
        try:
            response = self.attempts(
                lambda: self.client.update_item(
                    TableName=self.name,
                    Key=items.pack(job_key(job_id)),
                    UpdateExpression=update.text,
                    ConditionExpression=guard.text,
                    ExpressionAttributeNames={**update.names, **guard.names},
                    ExpressionAttributeValues=items.pack({**update.values, **guard.values}),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            )
        except ClientError as error:
            return _judge(job_id, old_item(error), last_op)
        return Job.model_validate(items.unpack(response["Attributes"]))

    def new_item(self, job: Job) -> "PutTypeDef":
        """The put of a job that must not exist yet, listed in the indexes, with its `last_op`."""
        listed_at = f"{job.times[job.state]:017.6f}#{job.id}"
        item: dict[str, JsonValue] = {
            **job_key(job.id),
            **job.model_dump(mode="json", exclude_none=True),
            "listed_at": listed_at,
            "pending": pending_key(job.id),
            "last_op": new_op(),
        }
        return {
            "TableName": self.name,
            "Item": items.pack(item),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def new_op() -> str:
    """A mark that one write leaves, to know itself by."""
    return secrets.token_hex(16)


def old_item(error: ClientError) -> "Mapping[str, AttributeValueTypeDef] | None":
    """The item that failed a condition, or None where there was none. Re-raises every other error."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    return error.response.get("Item")  # type: ignore[return-value]  # typed for S3 errors only


def _judge(job_id: str, old: "Mapping[str, AttributeValueTypeDef] | None", last_op: str) -> Job:
    if not old:
        raise UnknownJob(job_id)
    item = items.unpack(old)
    job = Job.model_validate(item)
    if item.get("last_op") != last_op:
        raise LostRace(job)
    return job


def _update_expression(change: Change) -> _Expression:
    names: dict[str, str] = {}
    values: dict[str, JsonValue] = {}

    def path(dotted: str) -> str:
        for part in dotted.split("."):
            names[f"#u_{part}"] = part
        return ".".join(f"#u_{part}" for part in dotted.split("."))

    assignments = []
    for number, (dotted, value) in enumerate(change.values.items()):
        values[f":u{number}"] = value
        assignments.append(f"{path(dotted)} = :u{number}")
    for number, (counter, count) in enumerate(change.add.items()):
        values[f":a{number}"] = count
        assignments.append(f"{path(counter)} = {path(counter)} + :a{number}")
    text = "SET " + ", ".join(assignments)
    if change.remove:
        text += " REMOVE " + ", ".join(path(dotted) for dotted in change.remove)
    return _Expression(text, names, values)


def _condition_expression(condition: ConditionBase) -> _Expression:
    built = ConditionExpressionBuilder().build_expression(condition)
    return _Expression(
        built.condition_expression, built.attribute_name_placeholders, built.attribute_value_placeholders
    )
