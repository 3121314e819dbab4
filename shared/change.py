"""A change of a job's item: what it sets, removes and adds to, as data and as DynamoDB's expressions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, TypedDict, cast

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from pydantic import JsonValue

from shared import items
from shared.job import Job

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef


@dataclass(frozen=True)
class Change:
    """What an update sets (dotted paths reach into maps), removes, and adds to (counters)."""

    values: Mapping[str, JsonValue]
    remove: tuple[str, ...] = ()
    add: Mapping[str, int] = field(default_factory=dict)

    def setting(self, more: Mapping[str, JsonValue]) -> "Change":
        """The same change, which sets these too."""
        return replace(self, values={**self.values, **more})

    def applied(self, job: Job) -> Job:
        """The job as this change leaves it: for a write that does not tell."""
        item = job.model_dump(mode="json", exclude_none=True)
        for dotted, value in self.values.items():
            *path, name = dotted.split(".")
            reduce(lambda inner, part: cast(dict[str, JsonValue], inner[part]), path, item)[name] = value
        for name in self.remove:
            item.pop(name, None)
        for name, count in self.add.items():
            item[name] += count
        return Job.model_validate(item)


class Expressions(TypedDict):
    """The parameters of an update that say what it changes, and under which condition."""

    UpdateExpression: str
    ConditionExpression: str
    ExpressionAttributeNames: dict[str, str]
    ExpressionAttributeValues: "Mapping[str, AttributeValueTypeDef]"


def expressions(change: Change, condition: ConditionBase) -> Expressions:
    """A change and its condition as DynamoDB reads them ("Using expressions in DynamoDB")."""
    update = _update_expression(change)
    guard = ConditionExpressionBuilder().build_expression(condition)
    return {
        "UpdateExpression": update.text,
        "ConditionExpression": guard.condition_expression,
        "ExpressionAttributeNames": {**update.names, **guard.attribute_name_placeholders},
        "ExpressionAttributeValues": items.pack({**update.values, **guard.attribute_value_placeholders}),
    }


@dataclass(frozen=True)
class _Expression:
    text: str
    names: dict[str, str]
    values: dict[str, JsonValue]


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
