"""Logging: JSON lines for machines, with the context that the caller bound. No secret, signed URL or audio goes in."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from shared.job import Job

# Never the frames' local variables: events hold API keys, policies hold signatures.
TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def configure(component: str, stream: TextIO | None = None, tee: Callable[[str], None] = lambda _line: None) -> None:
    """Send every log of this process as JSON lines to `stream` (standard output by default), and each to `tee` too."""
    file = stream or sys.stdout
    render = structlog.processors.JSONRenderer()

    def named(_logger: object, _method: str, line: MutableMapping[str, object]) -> MutableMapping[str, object]:
        return {"component": component, **line}

    def rendered(logger: object, method: str, line: MutableMapping[str, object]) -> str:
        text = str(render(logger, method, line))
        tee(text)
        return text

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            named,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            TRACEBACKS,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Lines(file),
        cache_logger_on_first_use=True,
    )


class _Lines(structlog.WriteLogger):
    """Writes lines. One that cannot be written is lost: a full disk, or a reader that is gone, must stop nobody."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = msg


def about(job: Job) -> AbstractContextManager[object]:
    """Every line logged within, on this thread, says which job it is about."""
    return structlog.contextvars.bound_contextvars(job_id=job.id, tenant=job.tenant, attempt=job.attempt, host=job.host)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines say which module wrote them."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(module=name)
    return logger
