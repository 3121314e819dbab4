"""The functions: what each is for, how much of a machine it gets, what it may do, and where its log goes.

Memory is CPU: 1,769 MB are one whole (Lambda Developer Guide, "Configure Lambda function memory"). What functions wait
for is AWS; what they compute is above all their own start, some 0.6 s of a whole CPU for imports.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_iam import PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_kms import Key
from constructs import Construct

from infra import bundling
from infra.logs import log_group
from infra.named_data import pools_setting
from infra.permissions import Needs, statements
from shared.object_keys import JOBS_PREFIX, REFERENCES_PREFIX, RESULTS_PREFIX
from shared.resources import BATCHES_QUEUE, RECONCILE_SECONDS

if TYPE_CHECKING:
    from aws_cdk.aws_logs import LogGroup

    from infra.configuration import Configuration
    from infra.named_data import NamedData

RUNTIME = lambda_.Runtime.PYTHON_3_14  # the newest that this CDK has; a test says when there is a newer one
GATEWAY_SECONDS = 29  # API Gateway waits no longer: its quota "Integration timeout"


@dataclass(frozen=True)
class FunctionPlan:
    """One function. `reserved`: this many at once, and never more, whatever else the account runs.

    `calls_itself`: its messages lead to more of its own. Lambda takes that for an accident and stops it after 16 turns
    where it is not told that it is meant (Lambda Developer Guide, "Use Lambda recursive loop detection").
    """

    name: str
    handler: str
    memory_mb: int
    timeout_seconds: int
    needs: Needs
    reserved: int | None = None
    calls_itself: bool = False


def plans(configuration: Configuration, data: NamedData) -> tuple[FunctionPlan, ...]:
    """Every function of `sandbox.functions`, by its name there.

    Where the deployment asks for no concurrency of its own, none is reserved: Lambda refuses that in an account which
    would be left with less than 100 for all others (10 is all that some new ones have), and with it the whole deploy.
    """
    reserves = configuration.api.concurrency is not None
    lanes, batches = tuple(data.lanes), (BATCHES_QUEUE,)
    jobs, references, results = (JOBS_PREFIX,), (REFERENCES_PREFIX,), (RESULTS_PREFIX,)
    return (
        FunctionPlan(
            "api",
            "api.app.handler",
            memory_mb=1769,  # somebody waits for each start, and for the validation of a batch's hundred items
            timeout_seconds=GATEWAY_SECONDS,
            needs=Needs(
                items=("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"),
                indexes=("by_tenant", "by_batch"),
                reads=jobs + references + results,
                writes=jobs + references,
                deletes=jobs + references,
                lists=True,
                sends=lanes + batches,
                measures=lanes,
            ),
            reserved=configuration.api.concurrency,
        ),
        FunctionPlan(
            "intake",
            "api.intake.handler",
            memory_mb=512,  # reads a file's first megabyte at most
            timeout_seconds=60,  # a sixth of the queue's visibility: so Lambda wants it
            needs=Needs(
                items=("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"),
                reads=jobs + references,
                writes=references,
                deletes=jobs + references,
                lists=True,
                sends=lanes,
                measures=lanes,
            ),
        ),
        FunctionPlan(
            "batch-starter",
            "api.batch_starter.handler",
            memory_mb=1024,  # sixteen threads, each reading headers
            timeout_seconds=300,  # a page of a batch in one go, at ease; a sixth of the queue's visibility
            needs=Needs(
                items=("GetItem", "UpdateItem", "DeleteItem", "BatchGetItem", "Query"),
                indexes=("by_batch",),
                reads=jobs + references,
                writes=results,
                deletes=results,
                lists=True,
                sends=lanes + batches,
                measures=lanes,
            ),
            calls_itself=True,  # page after page: 50 of the largest batch
        ),
        FunctionPlan(
            "dead-letters",
            "api.dead_letters.handler",
            memory_mb=256,  # looks at one item a message
            timeout_seconds=60,
            needs=Needs(items=("GetItem", "UpdateItem", "Query"), sends=lanes, measures=lanes),
        ),
        FunctionPlan(
            "stream-reader",
            "api.stream_reader.handler",
            memory_mb=512,  # a hundred records with both images
            timeout_seconds=60,
            needs=Needs(
                items=("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"),
                reads=references,
                deletes=jobs + references + results,
                lists=True,
                sends=batches,
            ),
        ),
        FunctionPlan(
            "reconciler",
            "api.reconciler.handler",
            memory_mb=1024,  # sixteen threads
            timeout_seconds=RECONCILE_SECONDS,  # it ends by itself after 45 s
            needs=Needs(
                items=("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"),
                indexes=("pending",),
                reads=jobs + references,
                deletes=jobs,
                lists=True,
                sends=lanes + batches,
                measures=lanes,
            ),
            reserved=1 if reserves else None,  # it runs however busy the account; two at once would do the same twice
        ),
    )


class Functions(Construct):
    """All functions, with a role and a log group each, and one key for their environments."""

    def __init__(self, scope: Construct, configuration: Configuration, data: NamedData) -> None:
        super().__init__(scope, "Functions")
        self._configuration = configuration
        self._data = data
        self._key = Key(
            self,
            "Key",
            description="Environments of Mosaic's functions",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # it guards settings that every deploy writes anew
        )
        with tempfile.TemporaryDirectory() as directory:
            bundle = Path(directory) / "functions"
            bundling.build(bundling.FUNCTIONS, bundle)
            code = lambda_.Code.from_asset(str(bundle))
            self.all = {plan.name: self._function(plan, code) for plan in plans(configuration, data)}

    def _function(self, plan: FunctionPlan, code: lambda_.Code) -> lambda_.Function:
        name = self._configuration.name(plan.name)
        log = log_group(self, f"{plan.name}-log", f"/aws/lambda/{name}", self._configuration.log_days)
        return lambda_.Function(
            self,
            plan.name,
            function_name=name,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            code=code,
            handler=plan.handler,
            memory_size=plan.memory_mb,
            timeout=Duration.seconds(plan.timeout_seconds),
            role=self._role(plan, log),
            log_group=log,
            environment=environment(self._configuration, self._data),
            environment_encryption=self._key,
            reserved_concurrent_executions=plan.reserved,
            recursive_loop=lambda_.RecursiveLoop.ALLOW if plan.calls_itself else None,
        )

    def _role(self, plan: FunctionPlan, log: LogGroup) -> Role:
        role = Role(self, f"{plan.name}-role", assumed_by=ServicePrincipal("lambda.amazonaws.com"))
        for statement in statements(plan.needs, self._data):
            role.add_to_policy(statement)
        role.add_to_policy(self._reads_its_environment(plan))
        log.grant_write(role)
        return role

    def _reads_its_environment(self, plan: FunctionPlan) -> PolicyStatement:
        """Lambda has a grant for it as well; that one is lost where a role is made anew under its old name.

        Lambda Developer Guide, "Securing Lambda environment variables"; the key is used for this function alone.
        """
        function = Stack.of(self).format_arn(
            service="lambda",
            resource="function",
            resource_name=self._configuration.name(plan.name),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return PolicyStatement(
            actions=["kms:Decrypt"],
            resources=[self._key.key_arn],
            conditions={"StringEquals": {"kms:EncryptionContext:aws:lambda:FunctionArn": function}},
        )


def environment(configuration: Configuration, data: NamedData) -> dict[str, str]:
    """The settings of every function."""
    return data.common | {
        "MOSAIC_POOLS": pools_setting(configuration.pools),
        "MOSAIC_QUEUE_URLS": data.queue_urls(data.queues_of_functions()),
    }
