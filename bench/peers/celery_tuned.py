"""celery with what its documentation advises for long tasks, and what else was found to serve it best.

`worker_disable_prefetch` would be meant for this; celery 5.7 ignores it with brokers other than Redis
(docs.celeryq.dev, userguide/optimizing.html, "Reserve one task at a time"). For many short tasks the same page advises
the opposite, a large multiplier ("Prefetch Limits"): over short jobs the defaults may use seats better than these.
"""

from __future__ import annotations

from functools import partial

from bench.peers import celery_app, command

SETTINGS = {
    # "You can enable this behavior by using the following configuration options": both of them.
    # docs.celeryq.dev, userguide/optimizing.html, "Reserve one task at a time"
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    # A task whose process is killed is delivered anew. userguide/configuration.html, task_reject_on_worker_lost
    "task_reject_on_worker_lost": True,
    # Nobody asks for the results. userguide/tasks.html, "Ignore results you don't want"
    "task_ignore_result": True,
    # Nothing is rate limited. userguide/configuration.html, worker_disable_rate_limits
    "worker_disable_rate_limits": True,
    # "SQS doesn't yet support worker remote control commands." getting-started/backends-and-brokers/sqs.html, "Caveats"
    "worker_enable_remote_control": False,
}
TRANSPORT = {
    # The longest long poll. getting-started/backends-and-brokers/sqs.html, "Long Polling"
    "wait_time_seconds": 20,
    # How long to sleep "when there's no more messages to read", and also while as many as may be are in hand: with the
    # default of 1 s, a process that is free waits for that. getting-started/backends-and-brokers/sqs.html, "Polling
    # Interval", which warns of busy loops. Of 1000, 100, 10, 1 and 0 ms, 10 used seats best with AWS-like latencies.
    "polling_interval": 0.01,
}

app = celery_app.make(SETTINGS, TRANSPORT)

if __name__ == "__main__":
    command.run(celery_app.PACKAGES, {**SETTINGS, **TRANSPORT}, partial(celery_app.put, app))
