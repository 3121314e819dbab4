"""sqs-workers, as its README shows it: each seat is a process that works the queue off.

A process receives up to ten messages at once, and deletes them together when all ten are done. Only a processor that
takes lists can have that otherwise (README, "Batch Reads"); of long jobs its documentation says nothing.
"""

from __future__ import annotations

from sqs_workers import SQSEnv

from bench.peers import command, work

SETTINGS = {"codec": "json"}  # "JSON is recommended ... for compatibility with other systems". README, "Codecs"
DEFAULTS = {"wait_second": 10}  # not set: it is the default of `process_queue`, which README does not speak of

queue = SQSEnv(**SETTINGS).queue("jobs", queue_url=command.queue_url())
task = queue.processor("work")(work.do)


def put(jobs: list[str]) -> None:
    """A message for each job."""
    with queue.add_batch():
        for job in jobs:
            task.delay(job=job)


if __name__ == "__main__":
    command.run(["sqs-workers", "boto3"], {**SETTINGS, **DEFAULTS}, put, queue.process_queue)
