"""Retries: any AWS call is made again, with backoff, until it goes through or the worker must end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import tenacity
import urllib3.exceptions
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from shared import logs
from shared.transactions import PASSING
from worker import credentials

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from tenacity.stop import StopBaseT

R = TypeVar("R")

FEW = 4  # tries, of what can be left undone

LONGEST_WAIT_SECONDS = 20.0
LOUD_ATTEMPTS = 4  # from here on a routine failure is told of, and a call that goes through after all

# Answers, not faults: the service understood the call and said no, and will say no again. All else passes, be it by
# somebody's hand: throttling, faults and clocks by themselves; rights, keys, and a table, queue or bucket that is not
# there, by a deploy. A bare status such as 404 is a proxy's: AWS leaves its code out of answers to HEAD only. The API
# References, "Errors" of GetItem, PutItem, UpdateItem, Query and TransactWriteItems; ReceiveMessage, SendMessage,
# DeleteMessage and ChangeMessageVisibility; GetObject, PutObject and DeleteObject.
ANSWERS = frozenset(
    {
        "ConditionalCheckFailedException",
        "IdempotentParameterMismatchException",
        "ItemCollectionSizeLimitExceededException",
        "SerializationException",
        "ValidationException",
        "AWS.SimpleQueueService.MessageNotInflight",
        "AWS.SimpleQueueService.UnsupportedOperation",
        "BatchEntryIdsNotDistinct",
        "EmptyBatchRequest",
        "InvalidBatchEntryId",
        "InvalidIdFormat",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
        "TooManyEntriesInBatchRequest",
        "UnsupportedOperation",
        "EntityTooLarge",
        "InvalidArgument",
        "InvalidObjectState",
        "InvalidRange",
        "InvalidRequest",
        "KeyTooLongError",
        "NoSuchKey",
        "PreconditionFailed",
    }
)
CANCELLED = "TransactionCanceledException"
# Two that want one item at once: of many jobs of one batch, an everyday thing.
ROUTINE = frozenset({CANCELLED, "TransactionConflictException"})

# What botocore lets through of a broken connection or a proxy's page, in a file or a refusal; it wraps the rest.
UNREADABLE = (urllib3.exceptions.HTTPError, ResponseParserError, UnicodeDecodeError)

log = logs.get(__name__)

_calling: ContextVar[Mapping[str, str]] = ContextVar("calling", default=MappingProxyType({}))


class GaveUp(Exception):
    """The worker ends before the call went through, or it was to be tried a few times only."""


def note_operation(model: OperationModel, params: Mapping[str, object], **_: object) -> None:
    """A handler of botocore's `before-parameter-build`: what this thread calls, for no network error tells.

    Of a queue, too, the name, which is the last part of its URL.
    """
    operation = {"operation": f"{model.service_model.service_name}.{model.name}"}
    url = params.get("QueueUrl")
    _calling.set(operation | ({"queue": url.rpartition("/")[2]} if isinstance(url, str) else {}))


def may_pass(error: BaseException) -> bool:
    """Whether the same call may go through later."""
    if isinstance(error, ClientError):
        return not _is_answer(error)
    return isinstance(error, (BotoCoreError, *UNREADABLE)) and not isinstance(error, ParamValidationError)


def _is_answer(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    if code == CANCELLED:
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])} - {"None"}
        return not reasons or not reasons <= PASSING
    return code in ANSWERS


class Patience:
    """Calls that are made until they go through. `end` lets the waiting ones give up, and each later one try once."""

    def __init__(self) -> None:
        self._ending = threading.Event()

    def end(self) -> None:
        """From here on nobody waits any more."""
        self._ending.set()

    def __call__(self, call: Callable[[], R]) -> R:
        """What the call returns, or its answer raised. Raises GaveUp once `end` was called."""
        return self._call(call, tenacity.stop_when_event_set(self._ending))

    def briefly(self, call: Callable[[], R]) -> R:
        """The same, but it raises GaveUp after a `FEW` tries, too: for what must hold up nothing else."""
        return self._call(call, tenacity.stop_when_event_set(self._ending) | tenacity.stop_after_attempt(FEW))

    def _call(self, call: Callable[[], R], stop: StopBaseT) -> R:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=LONGEST_WAIT_SECONDS),
            stop=stop,
            sleep=tenacity.sleep_using_event(self._ending),
            before_sleep=_log_failed,
        )
        began = time.monotonic()
        try:
            result = retrying(call)
        except tenacity.RetryError as error:
            raise GaveUp(f"{_calling.get().get('operation')}: {error.last_attempt.exception()}") from None
        if (attempts := retrying.statistics["attempt_number"]) > LOUD_ATTEMPTS:
            seconds = round(time.monotonic() - began, 1)
            log.info("aws_call_went_through", **_calling.get(), attempts=attempts, seconds=seconds)
        return result


def _log_failed(state: tenacity.RetryCallState) -> None:
    """The first failures of a call, then ever fewer: its 4th, 8th, 16th. At night one line tells it."""
    error = state.outcome.exception() if state.outcome else None
    if error and credentials.tells(error):
        return
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if state.attempt_number.bit_count() != 1 or (code in ROUTINE and state.attempt_number < LOUD_ATTEMPTS):
        return
    log.warning(
        "aws_call_failed",
        **_calling.get(),
        attempt=state.attempt_number,
        seconds=round(state.seconds_since_start or 0, 1),
        error=code,
        message=str(error),
    )
