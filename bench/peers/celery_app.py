"""What both of celery's settings have in common: the broker, the queue that is there, the task."""

from __future__ import annotations

import os
from collections.abc import Mapping

from celery import Celery

from bench.peers import command, work

PACKAGES = ["celery", "kombu", "pycurl"]


def make(settings: Mapping[str, object], transport: Mapping[str, object]) -> Celery:
    """An application with these settings, and these of its broker's transport.

    There is no `visibility_timeout`, by default 30 minutes (getting-started/backends-and-brokers/sqs.html, "Visibility
    Timeout"): kombu gives it to queues that it creates, and this one is there, as everyone's is ("Predefined Queues").
    """
    app = Celery("bench", broker="sqs://")  # address and credentials come from the environment, as boto3 reads them
    app.conf.update(
        task_default_queue=command.queue_name(),
        broker_transport_options={
            "region": os.environ["AWS_DEFAULT_REGION"],
            "predefined_queues": {command.queue_name(): {"url": command.queue_url()}},
            **transport,
        },
        **settings,
    )
    app.task(name="work")(work.do)
    return app


def put(app: Celery, jobs: list[str]) -> None:
    """A message for each job."""
    for job in jobs:
        app.tasks["work"].delay(job)
