"""What roles of the templates allow, in the words of recorded calls: an action, and what kind of thing it is done to.

A call is recorded against an emulator, with names of its own, and a role names what will be deployed. Both are reduced
to what is alike: `table`, `index/by_tenant`, `bucket`, `objects/jobs`, `queue/lane`, `queue/batches`, …
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.pools import Lane
from shared.resources import COMMON_QUEUES
from tests.infra.resources import Properties, all_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk.assertions import Template

Permission = tuple[str, str]

_COMMON = sorted((queue.name for queue in COMMON_QUEUES), key=len, reverse=True)


def of_role(template: Template, role: str) -> set[Permission]:
    """What the role of that logical id allows."""
    return {
        (action, kind(action, text(resource)))
        for statement in statements(template, role)
        for action in map(str, _listed(statement["Action"]))
        for resource in _listed(statement["Resource"])
    }


def statements(template: Template, role: str) -> Iterator[Properties]:
    """The statements of a role's policies."""
    for policy in all_of(template, "AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Roles"]:
            yield from policy["PolicyDocument"]["Statement"]


def kind(action: str, resource: str) -> str:
    """What a resource is, by its ARN or by its name as `tests.recorder` writes it."""
    service, name = action.partition(":")[0], resource.rpartition(":")[2] if resource.startswith("arn:") else resource
    match service:
        case "logs":
            return "logs"
        case _ if resource == "*":
            return "*"
        case "s3" if "cdk-" in resource:
            return "archive"
        case "dynamodb" if "StreamArn" in name:
            return "stream"
        case "dynamodb":
            return f"index/{name.rpartition('/index/')[2]}" if "/index/" in name else "table"
        case "s3":
            _, slash, key = name.partition("/")
            return f"objects/{key.partition('/')[0]}" if slash else "bucket"
        case "sqs":
            return f"queue/{_queue(name)}"
    return service


def _queue(name: str) -> str:
    if "FailedEvents" in name:
        return "failed-events"
    if re.search(rf"-({'|'.join(Lane)})$", name):
        return "lane"
    return next((known for known in _COMMON if name == known or name.endswith(f"-{known}")), name)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
