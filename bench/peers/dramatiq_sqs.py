"""dramatiq with its SQS broker: two processes of one thread each, as its command line starts them."""

from __future__ import annotations

import os

import dramatiq
from dramatiq_sqs import SQSBroker

from bench.peers import command, work

VISIBILITY = "BENCH_VISIBILITY"

# Passed with each receive, by default 43200; None leaves it to the queue, as all others do.
# github.com/Bogdanp/dramatiq_sqs, README: "messages must be processed within 12 hours of being pulled, otherwise they
# will be redelivered".
SETTINGS = {"visibility_timeout": int(os.environ[VISIBILITY]) if os.environ.get(VISIBILITY) else None}

# dramatiq.io/reference.html, "Environment Variables": "In-progress messages are included in the count." By default two
# a thread; with one, which spares waiting behind long jobs, a seat waits for each receive.
PREFETCH = {"dramatiq_queue_prefetch": "default: 2"}

broker = SQSBroker(**SETTINGS)
dramatiq.set_broker(broker)
actor = dramatiq.actor(work.do, actor_name="work", queue_name=command.queue_name())


def put(jobs: list[str]) -> None:
    """A message for each job."""
    for job in jobs:
        actor.send(job)


if __name__ == "__main__":
    command.run(["dramatiq", "dramatiq-sqs", "boto3"], {**SETTINGS, **PREFETCH}, put)
