"""The `Data` stack: what must outlive every deploy, even that of the stack itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack

from infra.bucket import audio_bucket
from infra.queues import all_queues
from infra.table import jobs_table
from shared.resources import BUCKET

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration


class DataStack(Stack):
    """The table, the bucket and the queues; these by the names of `shared.resources`.

    Table and queues have fixed names: a deploy can never quietly put new, empty ones in their place.
    """

    def __init__(self, scope: Construct, configuration: Configuration) -> None:
        super().__init__(
            scope,
            "Data",
            stack_name=configuration.name("data"),
            description="Mosaic: jobs, audio and results, and the queues between API and workers",
            env=Environment(account=configuration.account, region=configuration.region),
            termination_protection=True,
        )
        self.table = jobs_table(self, configuration)
        self.queues = all_queues(self, configuration)
        self.bucket = audio_bucket(self, configuration, self.queues[BUCKET.event_queue])
