"""celery as it comes, with two processes: prefetches four messages a process, deletes each when it is begun."""

from __future__ import annotations

from functools import partial

from bench.peers import celery_app, command

# What that is, for the table; nothing of it is set. docs.celeryq.dev, userguide/configuration.html, by these names;
# getting-started/backends-and-brokers/sqs.html, "Polling Interval" and "Long Polling"
DEFAULTS = {
    "task_acks_late": False,
    "worker_prefetch_multiplier": 4,
    "polling_interval": 1.0,
    "wait_time_seconds": 10,
}

app = celery_app.make({}, {})

if __name__ == "__main__":
    command.run(celery_app.PACKAGES, DEFAULTS, partial(celery_app.put, app))
