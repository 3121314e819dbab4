"""Messages of the queues that call functions: each is worked off alone, and one that failed comes again soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from shared import logs

if TYPE_CHECKING:
    from api.service import Service

# Until one that failed is tried again: what fails here mostly passes. Its queue would hide it for as long as a function
# may take several times over, which is minutes, or half an hour.
RETRY_SECONDS = 30

log = logs.get(__name__)


class Message(TypedDict):
    """What is read of an SQS record (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""

    messageId: str
    receiptHandle: str
    body: str


class Failures(TypedDict):
    """The partial batch response: messages to be delivered again."""

    batchItemFailures: list[dict[str, str]]


def work_off(
    event: Mapping[str, Sequence[Message]], service: Callable[[], Service], queue: str, work: Callable[[str], None]
) -> Failures:
    """Have the body of each message of that queue worked off; one for which `work` raises comes again."""
    failed = [message for message in event["Records"] if not _done(message, work)]
    for message in failed:
        _put_back(service, queue, message)
    return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in failed]}


def _done(message: Message, work: Callable[[str], None]) -> bool:
    try:
        work(message["body"])
    except Exception:
        log.exception("message_failed", message_id=message["messageId"])
        return False
    return True


def _put_back(service: Callable[[], Service], queue: str, message: Message) -> None:
    """Have it come again soon; where that fails, it comes once its queue shows it again."""
    try:
        parts = service()
        parts.sqs.change_message_visibility(
            QueueUrl=parts.settings.queue_urls[queue],
            ReceiptHandle=message["receiptHandle"],
            VisibilityTimeout=RETRY_SECONDS,
        )
    except (BotoCoreError, ClientError) as error:
        log.warning("message_not_put_back", message_id=message["messageId"], error=str(error))
