"""Every call that the tests made is allowed by its component's role, and whatever a role allows was called.

It looks at the calls of the whole suite, which `make test` records, and so runs after all others; by itself it looks at
those of the last such run.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.host_role import AGENT
from sandbox.functions import _functions
from tests import recorder
from tests.infra import roles
from tests.infra.resources import all_of, named

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

    from infra.configuration import Configuration
    from tests.infra.conftest import Templates
    from tests.infra.roles import Permission

RECORDED = Path(__file__).parents[2] / ".aws_calls.jsonl"

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="make test records the calls that this looks at")

# What roles allow that no test calls, and why.
PRINTED = "Lambda itself writes what a function prints."
DECRYPTED = "Lambda itself decrypts a function's environment."
POLLED = "Lambda itself polls a queue for its function."
READ = "Lambda itself reads the table's stream for its function."
KEPT = "Lambda itself keeps what a function failed on for good; CDK lets it look at the queue, too."
AGENTS = "The agent of Systems Manager calls it, which tests do not run."
FETCHED = "The agent of Systems Manager fetches the worker's archive."
STREAMED = "A log stream is made where there is none, which no stand-in of the tests asks for."
REMOVED = "The object of a stored reference goes after its item, which tests ask of `references.removed` itself."
SAME_FETCH = "A stored reference is fetched by the same code as a job's own files."
SAME_START = "A job with a stored reference is started by the same code as the API's."

# What tests call by way of a component's own code, which by itself would not: the worker's patience, clock and
# credentials are tried with calls that show nothing else.
TRIED = {
    "worker": {
        ("dynamodb:ListTables", "*"),
        ("s3:GetObject", "objects/*"),
        ("s3:ListAllMyBuckets", "*"),
        ("sqs:ListQueues", "*"),
    }
}

OF_EVERY_FUNCTION = {
    ("logs:CreateLogStream", "logs"): PRINTED,
    ("logs:PutLogEvents", "logs"): PRINTED,
    ("kms:Decrypt", "kms"): DECRYPTED,
}
OF_FAILURES = {
    (f"sqs:{action}", "queue/failed-events"): KEPT for action in ("SendMessage", "GetQueueAttributes", "GetQueueUrl")
}
OF_QUEUES = ("ReceiveMessage", "ChangeMessageVisibility", "GetQueueUrl", "DeleteMessage", "GetQueueAttributes")


def _polled(queue: str) -> dict[Permission, str]:
    return {(f"sqs:{action}", f"queue/{queue}"): POLLED for action in OF_QUEUES}


UNCALLED: dict[str, dict[Permission, str]] = {
    "api": OF_EVERY_FUNCTION,
    "intake": OF_EVERY_FUNCTION | _polled("uploads"),
    "batch-starter": OF_EVERY_FUNCTION | _polled("batches") | {("s3:GetObject", "objects/references"): SAME_START},
    "dead-letters": OF_EVERY_FUNCTION | _polled("jobs-dead"),
    "stream-reader": OF_EVERY_FUNCTION
    | OF_FAILURES
    | {(f"s3:{action}", "objects/references"): REMOVED for action in ("GetObject", "DeleteObject")}
    | {("dynamodb:ListStreams", "*"): READ}
    | {(f"dynamodb:{action}", "stream"): READ for action in ("DescribeStream", "GetRecords", "GetShardIterator")},
    "reconciler": OF_EVERY_FUNCTION | OF_FAILURES | {("s3:GetObject", "objects/references"): SAME_START},
    "worker": {(action, "*"): AGENTS for action in AGENT}
    | {("logs:CreateLogStream", "logs"): STREAMED}
    | {("s3:GetObject", "archive"): FETCHED, ("s3:ListBucket", "archive"): FETCHED}
    | {("s3:GetObject", "objects/references"): SAME_FETCH},
}


@pytest.fixture(scope="module")
def called() -> dict[str, set[Permission]]:
    """What was called, by component: a function by its name, `worker`, and others that have no role."""
    modules = {function._handler.__module__: name for name, function in _functions().items()}
    found: dict[str, set[Permission]] = defaultdict(set)
    for call in recorder.read(RECORDED):
        found[modules.get(call.component, call.component)].add((call.action, roles.kind(call.action, call.resource)))
    return found


@pytest.fixture(scope="module")
def allowed(whole: Templates, everything: Configuration) -> dict[str, set[Permission]]:
    """What roles allow, by component: the worker's is that of the pool with every engine's hosts."""
    service, host = whole["Service"], whole["Host"]
    found = {
        name: roles.of_role(service, _role_of(service, everything.name(name))) for name in UNCALLED.keys() - {"worker"}
    }
    [polqa, visqol] = [roles.of_role(host, role) for role in all_of(host, "AWS::IAM::Role")]
    assert polqa == visqol
    return found | {"worker": polqa}


def test_every_function_and_the_worker_have_a_role() -> None:
    assert UNCALLED.keys() == {*_functions(), "worker"}


@pytest.mark.parametrize("component", sorted(UNCALLED))
def test_whatever_is_called_is_allowed(
    called: dict[str, set[Permission]], allowed: dict[str, set[Permission]], component: str
) -> None:
    assert called[component], "nothing was recorded of it"
    assert called[component] - allowed[component] - TRIED.get(component, set()) == set()


@pytest.mark.parametrize("component", sorted(UNCALLED))
def test_whatever_is_allowed_is_called_or_has_a_reason(
    called: dict[str, set[Permission]], allowed: dict[str, set[Permission]], component: str
) -> None:
    assert allowed[component] - called[component] == set(UNCALLED[component]) - called[component]
    assert set(UNCALLED[component]) <= allowed[component]


def test_conditions_narrow_what_lambda_and_the_agent_do_and_no_call_of_ours(whole: Templates) -> None:
    """So that what the test above compares, actions and resources, is all that there is to compare."""
    conditions = {
        (stack, key, action)
        for stack in ("Service", "Host")
        for policy in all_of(whole[stack], "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        for operator in statement.get("Condition", {}).values()
        for key in operator
        for action in [statement["Action"]]
    }
    assert conditions == {
        ("Service", "kms:EncryptionContext:aws:lambda:FunctionArn", "kms:Decrypt"),
        ("Host", "s3:prefix", "s3:ListBucket"),
    }


def test_no_role_allows_all_of_anything(whole: Templates) -> None:
    for stack in ("Service", "Host"):
        for policy in all_of(whole[stack], "AWS::IAM::Policy").values():
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                assert statement["Effect"] == "Allow"
                assert not [action for action in actions if "*" in action]


def _role_of(service: Template, function: str) -> str:
    role, attribute = named(service, "AWS::Lambda::Function", "FunctionName", function)["Role"]["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(role)
