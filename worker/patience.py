"""Retries: any AWS call is made again, with backoff, until it goes through or the worker must end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import tenacity
from botocore.exceptions import BotoCoreError, ClientError

from shared import logs

R = TypeVar("R")

LONGEST_WAIT_SECONDS = 20.0

# Answers, not faults: the service understood the call and said no, and will say no again.
ANSWERS = frozenset(
    {
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "ValidationException",
        "NoSuchKey",
        "PreconditionFailed",
        "InvalidRange",
        "404",
        "412",
        "416",
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "AWS.SimpleQueueService.MessageNotInflight",
        "MessageNotInflight",
    }
)

log = logs.get(__name__)


class GaveUp(Exception):
    """The worker ends before the call went through."""


def may_pass(error: BaseException) -> bool:
    """Whether the same call may go through later."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] not in ANSWERS
    return isinstance(error, BotoCoreError)


class Patience:
    """Calls that are made until they go through. `end` lets the waiting ones give up, and each later one try once."""

    def __init__(self) -> None:
        self._ending = threading.Event()

    def end(self) -> None:
        """From here on nobody waits any more."""
        self._ending.set()

    def __call__(self, call: Callable[[], R]) -> R:
        """What the call returns, or its answer raised. Raises GaveUp once `end` was called."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=LONGEST_WAIT_SECONDS),
            stop=tenacity.stop_when_event_set(self._ending),
            sleep=tenacity.sleep_using_event(self._ending),
            before_sleep=_log,
        )
        try:
            return retrying(call)
        except tenacity.RetryError as error:
            raise GaveUp(str(error.last_attempt.exception())) from None


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("aws_call_failed", attempt=state.attempt_number, error=type(error).__name__, message=str(error))
