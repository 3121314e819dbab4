"""The delivery of the worker to its hosts: by Systems Manager, which the hosts ask; nobody reaches in.

A State Manager association brings a host to what it is to be: at each deploy that changes it, when a host that was off
comes back, and once a day. So the installer changes nothing where all is as it should be.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Fn, Stack
from aws_cdk.aws_events import EventPattern, Rule
from aws_cdk.aws_events_targets import SnsTopic
from aws_cdk.aws_s3_assets import Asset
from aws_cdk.aws_ssm import CfnAssociation, CfnDocument
from constructs import Construct

from infra import worker_archive
from infra.worker_environment import worker_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk.aws_sns import ITopic

    from infra.configuration import Configuration
    from infra.host_role import HostRole
    from infra.named_data import NamedData
    from infra.settings.delivery import Delivery
    from infra.settings.hosts import HostSettings
    from infra.settings.pools import PoolSettings

MOST_SECONDS = 3600  # of a run: a drain, and an engine's seats that warm up

# In the directory that the archive was downloaded to. The agent runs as root; the settings are for no other eyes.
INSTALL = """\
set -eu
umask 077
tar -xzOf worker.tar.gz install.sh > install.sh
printf %s '{{ settings }}' | base64 -d > worker.env
sh install.sh worker.tar.gz worker.env
"""


class WorkerDelivery(Construct):
    """The archive, and the document that tells the agent how to install it."""

    def __init__(self, scope: Construct, configuration: Configuration, delivery: Delivery, data: NamedData) -> None:
        super().__init__(scope, "Delivery")
        self._configuration = configuration
        self._data = data
        with tempfile.TemporaryDirectory() as directory:
            archive = Path(directory) / "worker.tar.gz"
            worker_archive.build(configuration, delivery, archive)
            self._asset = Asset(self, "Worker", path=str(archive))
        self._document = CfnDocument(
            self,
            "Install",
            document_type="Command",
            document_format="JSON",
            update_method="NewVersion",  # and the default one, which associations run
            content=_document(),
        )

    def to(self, pool: PoolSettings, host: HostSettings, instance_id: str, role: HostRole) -> CfnAssociation:
        """Deliver to a host."""
        role.may_fetch(self._asset.bucket.bucket_arn, self._asset.s3_object_key)
        association = CfnAssociation(
            self,
            host.name,
            name=self._document.ref,
            association_name=self._configuration.name(f"worker-{host.name}"),
            targets=[CfnAssociation.TargetProperty(key="InstanceIds", values=[instance_id])],
            parameters=self._parameters(pool, host),
            schedule_expression="rate(1 day)",
            compliance_severity="CRITICAL",
        )
        association.node.add_dependency(role)
        return association

    def tell_failures(self, topic: ITopic) -> Rule:
        """Have the topic told of each host that the worker could not be installed on.

        Systems Manager User Guide, "Amazon EventBridge event examples for Systems Manager": State Manager.
        """
        return Rule(
            self,
            "NotInstalled",
            description="Mosaic's worker could not be installed on a host: it is not as it was deployed",
            event_pattern=EventPattern(
                source=["aws.ssm"],
                detail_type=["EC2 State Manager Instance Association State Change"],
                detail={"document-name": [self._document.ref], "status": ["Failed"]},
            ),
            targets=[SnsTopic(topic)],
        )

    def _parameters(self, pool: PoolSettings, host: HostSettings) -> Mapping[str, list[str]]:
        region = Stack.of(self).region
        suffix = Stack.of(self).url_suffix
        url = f"https://s3.{region}.{suffix}/{self._asset.s3_bucket_name}/{self._asset.s3_object_key}"
        return {
            "archive": [url],
            "settings": [Fn.base64(worker_environment(self._configuration, pool, host, self._data))],
        }


def _document() -> Mapping[str, object]:
    """Systems Manager User Guide, "Command document plugin reference": aws:downloadContent, aws:runShellScript."""
    return {
        "schemaVersion": "2.2",
        "description": "Install Mosaic's worker, or leave it as it is",
        "parameters": {
            "archive": {"type": "String", "allowedPattern": "^https://[a-z0-9./-]+$"},
            "settings": {"type": "String", "allowedPattern": "^[A-Za-z0-9+/=]+$"},
        },
        "mainSteps": [
            {
                "action": "aws:downloadContent",
                "name": "download",
                "inputs": {
                    "sourceType": "S3",
                    "sourceInfo": '{"path": "{{ archive }}"}',
                    "destinationPath": "worker.tar.gz",
                },
            },
            {
                "action": "aws:runShellScript",
                "name": "install",
                "inputs": {"runCommand": INSTALL.splitlines(), "timeoutSeconds": str(MOST_SECONDS)},
            },
        ],
    }
