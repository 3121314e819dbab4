"""celery as it comes, with two processes: prefetches four messages a process, deletes each when it is begun."""

from __future__ import annotations

from functools import partial

from bench.peers import celery_app, command

app = celery_app.make({}, {})

if __name__ == "__main__":
    told = {"task_acks_late": False, "worker_prefetch_multiplier": 4, "polling_interval": 1.0, "wait_time_seconds": 10}
    command.run(celery_app.PACKAGES, told, partial(celery_app.put, app))
