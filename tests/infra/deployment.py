"""The synthesized templates, deployed by CloudFormation to the embedded cloud, which holds everybody to their roles."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from sandbox.cloud import REGION
from tests import cloud as clouds
from tests.infra.resources import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_cloudformation import CloudFormationClient

ROOT = Path(__file__).parents[2]
ACCOUNT = "000000000000"  # ministack's
STAGE = "test"
PSEUDO = {"<AWS::AccountId>": ACCOUNT, "<AWS::Region>": REGION, "<AWS::URLSuffix>": "amazonaws.com"}
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"  # as `cdk bootstrap` makes it
STACKS = ("Data", "Service", "Host")

# What ministack 1.5.33 does not make, and why no test of the main flow is the poorer for it.
UNKNOWN = {
    "AWS::SSM::Association": "delivers the worker: test_install.py and test_delivered_worker.py do that for real",
    "AWS::SSM::Document": "what the association runs",
    "AWS::WAFv2::LoggingConfiguration": "a log of what the firewall refused",
    "AWS::WAFv2::WebACLAssociation": "the firewall's rules are AWS's own: no emulator has them",
}
REFUSED = {"AWS::CloudWatch::Alarm": "it takes alarms of one metric without a label only"}
# What names one of those, and so cannot be made either.
DEPENDENT = {"AWS::CloudWatch::Dashboard", "AWS::Events::Rule"}

Template = Mapping[str, Any]


class Deployment:
    """A running cloud with the three stacks of a deployment."""

    def __init__(self, endpoint: str, templates: Mapping[str, Template]) -> None:
        self.endpoint = endpoint
        self.templates = templates
        self.left_out: set[str] = set()

    def client(self, service: str, **credentials: str) -> Any:  # noqa: ANN401 - of whichever service
        """A client of a service: the owner's, who may do everything, or whoever's credentials these are."""
        session = boto3.session.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint, **credentials)  # type: ignore[call-overload]

    @property
    def environment(self) -> dict[str, str]:
        """The owner's, for processes."""
        told = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION}
        return {**os.environ, **told, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    @property
    def url(self) -> str:
        """Where the API is, as `MOSAIC_URL`."""
        [output] = [one for one in self._outputs("service") if one["OutputKey"] == "Url"]
        api_id = re.findall(r"https://(\w+)\.execute-api\.", output["OutputValue"])[0]
        return f"{self.endpoint}/_aws/execute-api/{api_id}/api"

    @cached_property
    def host_credentials(self) -> dict[str, str]:
        """Those of the hosts' role. Whom it trusts is widened for that: here is no instance to take it on."""
        [output] = self._outputs("host")
        role, trusted = output["OutputValue"], {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=policy)
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        given = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="host")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    @property
    def worker_settings(self) -> dict[str, str]:
        """What the association would write to `/etc/mosaic/worker.env`."""
        [association] = [
            resource["Properties"]
            for resource in self.templates["Host"]["Resources"].values()
            if resource["Type"] == "AWS::SSM::Association"
        ]
        [encoded] = association["Parameters"]["settings"]
        return dict(word.split("=", 1) for word in shlex.split(known(text(encoded["Fn::Base64"]))))

    def ops(self, *words: str) -> str:
        """What `python -m infra.ops` prints of this deployment."""
        command = [sys.executable, "-m", "infra.ops", "--deployment", os.environ["MOSAIC_DEPLOYMENT"], *words]
        ended = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True, cwd=ROOT)
        return ended.stdout.strip()

    def deploy(self) -> None:
        """As `cdk deploy` does: the assets first, then stack by stack."""
        self.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String")
        s3 = self.client("s3")
        s3.create_bucket(Bucket=ASSETS, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key in self._bundles():
            s3.put_object(Bucket=ASSETS, Key=key, Body=_bundle())
        for stack in STACKS:
            self._create(stack, self._makeable(self.templates[stack]))

    def unrecognized(self, stack: str) -> set[str]:
        """The types of resources in a stack that the cloud does not know."""
        try:
            self._cloudformation.validate_template(TemplateURL=self._put(stack, self.templates[stack]))
        except ClientError as error:
            return set(re.findall(r"AWS::\w+::\w+", error.response["Error"]["Message"]))
        return set()

    def refuses(self, resource: Template) -> bool:
        """Whether the cloud takes a stack with this resource alone back."""
        try:
            self._create("alone", {"Resources": {"Alone": resource}})
        except WaiterError:
            return True
        return False

    @cached_property
    def _cloudformation(self) -> CloudFormationClient:
        return self.client("cloudformation")  # type: ignore[no-any-return]

    def _create(self, stack: str, template: Template) -> None:
        name = f"mosaic-{STAGE}-{stack.lower()}"
        self._cloudformation.create_stack(
            StackName=name, TemplateURL=self._put(stack, template), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        waiter = self._cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def _put(self, stack: str, template: Template) -> str:
        self.client("s3").put_object(Bucket=ASSETS, Key=f"{stack}.json", Body=json.dumps(template).encode())
        return f"{self.endpoint}/{ASSETS}/{stack}.json"

    def _outputs(self, stack: str) -> list[dict[str, str]]:
        found = self._cloudformation.describe_stacks(StackName=f"mosaic-{STAGE}-{stack}")["Stacks"][0]
        return found["Outputs"]  # type: ignore[return-value]

    def _bundles(self) -> set[str]:
        """The keys of the functions' code."""
        return {
            resource["Properties"]["Code"]["S3Key"]
            for resource in self.templates["Service"]["Resources"].values()
            if resource["Type"] == "AWS::Lambda::Function"
        }

    def _makeable(self, template: Template) -> Template:
        """Without what cannot be made here, and without what names that."""
        kept = dict(template["Resources"])
        gone = {name for name, resource in kept.items() if resource["Type"] in {*UNKNOWN, *REFUSED}}
        gone |= {name for name, resource in kept.items() if gone & set(re.findall(r'"(\w+)"', json.dumps(resource)))}
        self.left_out |= {kept.pop(name)["Type"] for name in gone}
        return {**template, "Resources": kept}


def known(told: str) -> str:
    """A text of a template, with what this account and region are."""
    for name, value in PSEUDO.items():
        told = told.replace(name, value)
    return told


def _bundle() -> bytes:
    """The functions' code. What it imports is in this environment, for this machine and not for Lambda's."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for package in ("api", "shared"):
            for path in (ROOT / package).rglob("*.py"):
                archive.write(path, path.relative_to(ROOT))
    return packed.getvalue()


@contextmanager
def running(directory: Path, templates: Mapping[str, Template]) -> Iterator[Deployment]:
    """The templates deployed, in a cloud of their own."""
    with clouds.serving("tests.infra.whole_cloud", directory) as (endpoint, _):
        deployment = Deployment(endpoint, templates)
        deployment.deploy()
        yield deployment
