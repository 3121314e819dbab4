"""The `Data` stack: what must outlive every deploy, even that of the stack itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.bucket import audio_bucket
from infra.queues import all_queues
from infra.stack import DeploymentStack
from infra.table import jobs_table
from shared.resources import BUCKET

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration


class DataStack(DeploymentStack):
    """The table, the bucket and the queues; these by the names of `shared.resources`.

    Table and queues have fixed names: a deploy can never quietly put new, empty ones in their place.
    """

    def __init__(self, scope: Construct, configuration: Configuration) -> None:
        super().__init__(
            scope, configuration, "data", "jobs, audio and results, and the queues between API and workers", kept=True
        )
        self.table = jobs_table(self, configuration)
        self.queues = all_queues(self, configuration)
        self.bucket = audio_bucket(self, configuration, self.queues[BUCKET.event_queue])
